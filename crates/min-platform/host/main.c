// A Linux program that loads the embedding and runs guests in it, native or interpreted, with and without signals:
//   host ARTIFACTS PROFILE TARGET [LIBRARY]
// LIBRARY is a libembedding.so; without one the embedding is linked into this program (STATIC). Each check prints a line, the
// first that fails ends it, and the last line is `N passed, N failed`.

#define _GNU_SOURCE
#include "host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct api api;
struct setup setup;

// What the embedding has for itself; without signals guests' memories too.
static const size_t heap_size = 8 << 20;

static void find_functions(const char *library) {
#ifdef STATIC
  check(library == NULL, "the embedding is linked statically");
#define FIND(name) api.name = name;
#else
  // At once, so that what the platform lacks is seen here. The symbols of the platform are this program's.
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  check(handle != NULL, "%s is loaded%s%s", strrchr(library, '/') + 1, handle ? "" : ": ", handle ? "" : dlerror());
#define FIND(name)                                                                                                     \
  api.name = (__typeof__(name) *)dlsym(handle, #name);                                                                 \
  if (api.name == NULL) check(false, "it has " #name);
#endif
  FUNCTIONS(FIND)
}

int main(int count, char **words) {
  setvbuf(stdout, NULL, _IOLBF, 0);
#ifdef STATIC
  if (count != 4) return fprintf(stderr, "usage: host ARTIFACTS PROFILE TARGET\n"), 2;
#else
  if (count != 5) return fprintf(stderr, "usage: host ARTIFACTS PROFILE TARGET ./LIBRARY\n"), 2;
#endif
  setup = (struct setup){.artifacts = words[1], .profile = words[2], .target = words[3]};
  setup.pulley = strcmp(setup.target, "pulley64") == 0;
  setup.signals = strcmp(setup.profile, "embedded-signals") == 0;
  // build.sh builds them with both or neither.
  setup.sync = setup.signals;
  find_functions(words[4]);

  cwasm_engine *early = NULL;
  cwasm_options options = {.kind = setup.pulley ? CWASM_PULLEY : CWASM_NATIVE};
  check_code(api.cwasm_engine_new(&options, &early, &error), CWASM_NOT_READY, "nothing works before cwasm_init");
  check_full_heap();
  check_own_faults();

  void *heap = mmap(NULL, heap_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(heap != MAP_FAILED, "there is memory for a heap");
  check_code(api.cwasm_init(NULL, heap_size, &error), CWASM_NULL, "a heap at null is refused");
  check_code(api.cwasm_init(heap, 100, &error), CWASM_ARGUMENT, "a heap of 100 bytes is refused");
  check_code(api.cwasm_init(heap, SIZE_MAX, &error), CWASM_ARGUMENT, "a heap that does not end is refused");
  check_code(api.cwasm_init(heap, heap_size, &error), CWASM_OK, "cwasm_init");
  check_code(api.cwasm_init(heap, heap_size, &error), CWASM_ARGUMENT, "there is one heap");

  check_values();
  check_listing();
  check_memory();
  check_host_calls();
  check_traps();
  check_brakes();
  check_out_of_memory();
  check_artifacts();
  check_misuse();
  if (setup.sync) check_threads();
  passed_and_end();
}

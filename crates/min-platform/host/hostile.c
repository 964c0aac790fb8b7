// What must not load, and calls that make no sense: errors, and the right ones.

#include "host.h"

#include <stdlib.h>
#include <string.h>

static int try_to_load(const cwasm_engine *engine, struct bytes bytes) {
  cwasm_module *module = NULL;
  memset(&error, 0, sizeof error);
  int code = api.cwasm_module_load(engine, bytes.start, bytes.len, &module, &error);
  if (code == CWASM_OK) api.cwasm_module_free(module);
  return code;
}

static void check_load(const cwasm_engine *engine, struct bytes bytes, int expected, const char *what) {
  check_code(try_to_load(engine, bytes), expected, what);
  free(bytes.start);
}

static bool is_refusal(int code) { return code >= CWASM_NOT_AN_ARTIFACT && code <= CWASM_INCOMPATIBLE && error.code == code; }

// Wherever it is: arrays of bytes are aligned to nothing.
static void check_alignment(const cwasm_engine *engine) {
  struct bytes whole = artifact("add");
  uint8_t *elsewhere = malloc(whole.len + 16);
  int codes = 0;
  for (size_t by = 0; by < 16; by++) {
    memcpy(elsewhere + by, whole.start, whole.len);
    codes |= try_to_load(engine, (struct bytes){elsewhere + by, whole.len});
  }
  check_code(codes, CWASM_OK, "it loads from any address");
  free(elsewhere);
  free(whole.start);
}

// Every artifact cut short, and with each byte changed that says what it is. `end` is our part behind the image.
static void check_damage(const cwasm_engine *engine) {
  struct bytes whole = artifact("add");
  size_t refused = 0, tried = 0;
  for (size_t len = 0; len < whole.len; len += len < 256 || len > whole.len - 256 ? 1 : 97, tried++) {
    // At the end of its own piece of memory, for tools that see reads behind it.
    struct bytes cut = {malloc(len + 1), len};
    memcpy(cut.start, whole.start, len);
    refused += is_refusal(try_to_load(engine, cut));
    free(cut.start);
  }
  check(refused == tried && tried > 500, "an artifact cut short is refused, at each of %zu places", tried);

  uint64_t image = 0, table = 0;
  memcpy(&image, whole.start + whole.len - 40, 8);
  memcpy(&table, whole.start + 40, 8);
  uint16_t sections = 0;
  memcpy(&sections, whole.start + 60, 2);
  refused = tried = 0;
  for (size_t i = 0; i < whole.len; i++) {
    bool told = i < 64 || (i >= table && i < table + 64 * (uint64_t)sections) || i >= image;
    if (!told) continue;
    whole.start[i] ^= (uint8_t)(1 << i % 8);
    refused += is_refusal(try_to_load(engine, whole));
    whole.start[i] ^= (uint8_t)(1 << i % 8);
    tried++;
  }
  check(refused == tried && tried > 1000, "a changed bit is found in each of the %zu bytes that are looked at", tried);
  check_load(engine, whole, CWASM_OK, "as it was, it loads");
}

void check_artifacts(void) {
  cwasm_engine *engine = new_engine(0);
  struct bytes none = {NULL, 0};
  check_code(try_to_load(engine, none), CWASM_NOT_AN_ARTIFACT, "nothing is no artifact");
  uint8_t wasm[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  check_code(try_to_load(engine, (struct bytes){wasm, sizeof wasm}), CWASM_NOT_AN_ARTIFACT, "a .wasm is none");
  check(strstr(error.message, "cwasm compile") != NULL, "and the error says what to do");
  check_damage(engine);
  check_alignment(engine);

  const char *other = setup.signals ? "embedded" : "embedded-signals";
  check_load(engine, read_artifact(other, "add", setup.target), CWASM_PROFILE, "the other profile is refused");
  check(strstr(error.message, other) != NULL, "by name: %s", error.message);
  char fuel[64];
  __builtin_snprintf(fuel, sizeof fuel, "%s+fuel+epochs", setup.profile);
  check_load(engine, read_artifact(fuel, "trap", setup.target), CWASM_PROFILE, "so is one that wants fuel");
  const char *elsewhere = setup.pulley ? "aarch64-unknown-none" : "pulley64";
  check_load(engine, read_artifact(setup.profile, "add", elsewhere), CWASM_TARGET, "one for another target is refused");
  check_load(engine, read_artifact("default", "add", "x86_64-unknown-linux-gnu"), CWASM_PROFILE, "one for Linux is refused");
  struct bytes old = artifact("add");
  // The version stands behind the head, its format and its length.
  if (memcmp(old.start + 66, "48.0.", 5) != 0) check(false, "the version is elsewhere");
  old.start[71] = '7';
  check_load(engine, old, CWASM_VERSION, "one of another Wasmtime is refused");

  if (strcmp(setup.target, "x86_64-unknown-none") == 0) {
    check_load(engine, artifact("round-baseline"), CWASM_CPU, "floats that are rounded by calls are refused on x64");
    check(strstr(error.message, "--cpu") != NULL, "and the error says what to do: %s", error.message);
    check_load(engine, artifact("round-unknown"), CWASM_CPU, "so is what needs an instruction that is not there or not known");
  }
  cwasm_val result;
  cwasm_instance *round = start("round");
  int code = CALL(round, "floor", &result, 1, f64(-1.5));
  check(code == CWASM_OK && result.of.f64 == -2, "floor(-1.5) = -2");
  code = CALL(round, "nearest", &result, 1, f32(2.5f));
  check(code == CWASM_OK && result.of.f32 == 2, "nearest(2.5) = 2");
  api.cwasm_instance_free(round);
  api.cwasm_engine_free(engine);
}

void check_misuse(void) {
  cwasm_engine *engine = new_engine(0), *second = new_engine(0), *made = NULL;
  cwasm_module *module = load(engine, "host-call"), *none = NULL;
  cwasm_linker *linker = NULL;
  cwasm_instance *add = start("add"), *instance = NULL;
  cwasm_options options = {.kind = 7};
  cwasm_val result;
  cwasm_extern found;
  uint8_t byte = 0;
  uint64_t size;
  check_code(api.cwasm_engine_new(&options, &made, &error), CWASM_ARGUMENT, "a kind that is none");
  options.kind = setup.pulley ? CWASM_NATIVE : CWASM_PULLEY;
  check_code(api.cwasm_engine_new(&options, &made, &error), CWASM_UNSUPPORTED, "a kind that this build lacks");
  options = (cwasm_options){.kind = setup.pulley ? CWASM_PULLEY : CWASM_NATIVE, .flags = 4};
  check_code(api.cwasm_engine_new(&options, &made, &error), CWASM_ARGUMENT, "a flag that is none");
  options.flags = 0, options.max_wasm_stack = SIZE_MAX;
  check_code(api.cwasm_engine_new(&options, &made, &error), CWASM_ARGUMENT, "a stack that nobody has");
  options.max_wasm_stack = 1;
  check_code(api.cwasm_engine_new(&options, &made, &error), CWASM_ARGUMENT, "a stack that no function fits into");
  for (size_t i = 0; i < 2; i++) {
    options.max_wasm_stack = i == 0 ? 4096 : 256 << 20;
    check_code(api.cwasm_engine_new(&options, &made, &error), CWASM_OK, i == 0 ? "the smallest stack" : "the largest");
    api.cwasm_engine_free(made);
  }
  options.max_wasm_stack = 0;
  int nulls[] = {
      api.cwasm_engine_new(NULL, &made, NULL), api.cwasm_engine_new(&options, NULL, NULL), api.cwasm_engine_tick(NULL),
      api.cwasm_module_load(NULL, &byte, 1, &none, NULL), api.cwasm_module_load(engine, NULL, 1, &none, NULL),
      api.cwasm_module_export(NULL, 0, &found, NULL), api.cwasm_module_import(module, 0, NULL, NULL),
      api.cwasm_linker_new(NULL, &linker, NULL), api.cwasm_linker_new(engine, NULL, NULL),
      api.cwasm_instance_new(NULL, NULL, NULL, &instance, NULL), api.cwasm_call(NULL, "add", NULL, 0, NULL, 0, NULL),
      api.cwasm_call(add, NULL, NULL, 0, NULL, 0, NULL), api.cwasm_call(add, "add", NULL, 2, &result, 1, NULL),
      api.cwasm_call(add, "add", (cwasm_val[]){i32(1), i32(2)}, 2, NULL, 1, NULL), api.cwasm_memory_size(NULL, "memory", &size, NULL),
      api.cwasm_memory_grow(NULL, "memory", 1, NULL), api.cwasm_memory_read(NULL, "memory", 0, &byte, 1, NULL),
      api.cwasm_memory_write(NULL, "memory", 0, &byte, 1, NULL), api.cwasm_caller_call(NULL, "add", NULL, 0, NULL, 0, NULL),
      api.cwasm_caller_memory_size(NULL, "memory", &size, NULL), api.cwasm_caller_memory_read(NULL, "memory", 0, &byte, 1, NULL),
      api.cwasm_caller_memory_write(NULL, "memory", 0, &byte, 1, NULL),
  };
  for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
    if (nulls[i] != CWASM_NULL) check(false, "null %zu: %d", i, nulls[i]);
  check(true, "%zu nulls are errors, also without a place for the error", sizeof nulls / sizeof *nulls);
  check(api.cwasm_module_exports(NULL) == 0 && api.cwasm_module_imports(NULL) == 0, "null has no exports and imports");
  api.cwasm_engine_free(NULL), api.cwasm_module_free(NULL), api.cwasm_linker_free(NULL);
  check(api.cwasm_instance_free(NULL) == CWASM_OK, "null is freed");

  check_code(api.cwasm_linker_new(second, &linker, &error), CWASM_OK, "a linker of another engine");
  check_code(api.cwasm_instance_new(module, linker, NULL, &instance, &error), CWASM_ARGUMENT, "does not fit");
  uint32_t kind = CWASM_REFERENCE;
  check_code(api.cwasm_linker_define(linker, "a", "b", &kind, 1, NULL, 0, (cwasm_callback)check_misuse, NULL, &error), CWASM_TYPE, "references are not for host functions");
  check_code(api.cwasm_linker_define(linker, "a", "b", NULL, 0, NULL, 0, NULL, NULL, &error), CWASM_NULL, "nor is null one");
  check_code(api.cwasm_linker_define(linker, "a", "\xff", NULL, 0, NULL, 0, (cwasm_callback)check_misuse, NULL, &error), CWASM_ARGUMENT, "names are UTF-8");
  static const uint32_t many[CWASM_MAX_VALUES + 1];
  check_code(api.cwasm_linker_define(linker, "a", "b", many, CWASM_MAX_VALUES + 1, NULL, 0, (cwasm_callback)check_misuse, NULL, &error), CWASM_TYPE, "there may be 16 values");
  api.cwasm_linker_free(linker);
  api.cwasm_instance_free(add);
  api.cwasm_module_free(module);
  api.cwasm_engine_free(engine);
  api.cwasm_engine_free(second);
}

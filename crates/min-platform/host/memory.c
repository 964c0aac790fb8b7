// Memories: reading, writing, growing, and their ends; and what happens where there is no more.

#define _GNU_SOURCE
#include "host.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WASMTIME_VIRTUAL_MEMORY
extern size_t platform_largest, platform_images;
extern volatile sig_atomic_t platform_faults;
static void let_pieces_be(size_t size) { platform_largest = size; }
// Otherwise what is said to be tested would not be.
static void check_platform_was_used(void) {
  check(platform_images > 0, "contents were mapped %zu times, not copied", platform_images);
  if (setup.pulley) check(platform_faults == 0, "the interpreter has no faults");
  else check(platform_faults >= 5, "guests trapped by %d faults, not by checks", (int)platform_faults);
}
#else
// The heap is the end.
static void let_pieces_be(size_t size) { (void)size; }
static void check_platform_was_used(void) {}
#endif

void check_memory(void) {
  cwasm_val result;
  char text[8] = "";
  uint64_t size = 0;
  cwasm_instance *memory = start("memory");
  int code = api.cwasm_memory_read(memory, "memory", 16, (uint8_t *)text, 5, &error);
  check(code == CWASM_OK && strcmp(text, "cwasm") == 0, "a memory begins with its data");
  code = CALL(memory, "load", &result, 1, i32(17));
  check(code == CWASM_OK && result.of.i32 == 'w', "the guest reads it");
  code = api.cwasm_memory_write(memory, "memory", 65530, (const uint8_t *)"\1\2\3\4\5\6", 6, &error);
  check(code == CWASM_OK && CALL(memory, "load", &result, 1, i32(65535)) == CWASM_OK && result.of.i32 == 6,
        "the guest reads what the host wrote, up to the last byte");
  code = CALL(memory, "store", NULL, 0, i32(0), i32(200));
  check(code == CWASM_OK && api.cwasm_memory_read(memory, "memory", 0, (uint8_t *)text, 1, &error) == CWASM_OK && (uint8_t)text[0] == 200,
        "the host reads what the guest wrote");

  check_trap(CALL(memory, "load", &result, 1, i32(65536)), CWASM_TRAP_MEMORY, "a read behind the end traps");
  check_trap(CALL(memory, "load", &result, 1, i32(-1)), CWASM_TRAP_MEMORY, "a read at 4 GiB traps");
  check_trap(CALL(memory, "store", NULL, 0, i32(65536), i32(1)), CWASM_TRAP_MEMORY, "a write behind the end traps");
  check_trap(CALL(memory, "load64", &result, 1, i32(65521)), CWASM_TRAP_MEMORY, "a read across the end traps");
  check_trap(CALL(memory, "load64", &result, 1, i32(-1)), CWASM_TRAP_MEMORY, "a read with an offset beyond 4 GiB traps");
  code = CALL(memory, "load64", &result, 1, i32(65520));
  check(code == CWASM_OK, "the last 8 bytes are readable");
  check_code(api.cwasm_memory_read(memory, "memory", 65530, (uint8_t *)text, 7, &error), CWASM_BOUNDS, "the host can't read across the end");
  check_code(api.cwasm_memory_write(memory, "memory", UINT64_MAX, (uint8_t *)text, 2, &error), CWASM_BOUNDS, "nor write at 2^64");
  check_code(api.cwasm_memory_size(memory, "load", &size, &error), CWASM_EXPORT, "a function is no memory");

  code = CALL(memory, "grow", &result, 1, i32(1));
  check(code == CWASM_OK && result.of.i32 == 1, "it grows");
  code = CALL(memory, "load", &result, 1, i32(65535));
  check(code == CWASM_OK && result.of.i32 == 6, "what was there is there");
  code = CALL(memory, "load", &result, 1, i32(131071));
  check(code == CWASM_OK && result.of.i32 == 0, "what is new is zero");
  check_code(api.cwasm_memory_grow(memory, "memory", 1, &error), CWASM_OK, "the host grows it");
  code = api.cwasm_memory_size(memory, "memory", &size, &error);
  check(code == CWASM_OK && size == 3 * 65536, "it has 3 pages");
  code = CALL(memory, "grow", &result, 1, i32(1));
  check(code == CWASM_OK && result.of.i32 == -1, "beyond its maximum it does not grow");
  check_code(api.cwasm_memory_grow(memory, "memory", 1, &error), CWASM_MEMORY, "not for the host either");
  check_trap(CALL(memory, "load", &result, 1, i32(3 * 65536)), CWASM_TRAP_MEMORY, "the end is where it grew to");
  check_platform_was_used();
  api.cwasm_instance_free(memory);
}

void check_out_of_memory(void) {
  cwasm_val result;
  cwasm_engine *engine = new_engine(0);
  cwasm_module *large = load(engine, "large"), *grow = load(engine, "grow");
  cwasm_instance *instance = NULL;
  let_pieces_be(16 << 20);
  for (int i = 0; i < 3; i++)
    check_code(api.cwasm_instance_new(large, NULL, NULL, &instance, &error), setup.signals ? CWASM_INSTANTIATE : CWASM_MEMORY,
               "64 MiB that the platform has not are an error");
  check_code(api.cwasm_instance_new(grow, NULL, NULL, &instance, &error), CWASM_OK, "a small guest starts");
  int code = CALL(instance, "grow", &result, 1, i32(1024));
  check(code == CWASM_OK && result.of.i32 == -1, "memory.grow by what the platform has not is -1");
  code = CALL(instance, "grow", &result, 1, i32(2));
  check(code == CWASM_OK && result.of.i32 == 1, "it goes on, and grows by what there is");
  code = CALL(instance, "touch", &result, 1, i32(3 * 65536 - 4));
  check(code == CWASM_OK && result.of.i32 == 7, "which is usable");
  let_pieces_be(SIZE_MAX);
  api.cwasm_instance_free(instance);

  cwasm_limits limits = {.memory_bytes = 2 * 65536};
  check_code(api.cwasm_instance_new(grow, NULL, &limits, &instance, &error), CWASM_OK, "a guest with a limit of 2 pages starts");
  code = CALL(instance, "grow", &result, 1, i32(1));
  check(code == CWASM_OK && result.of.i32 == 1, "it grows up to its limit");
  code = CALL(instance, "grow", &result, 1, i32(1));
  check(code == CWASM_OK && result.of.i32 == -1, "and no further");
  api.cwasm_instance_free(instance);
  check_code(api.cwasm_instance_new(large, NULL, &limits, &instance, &error), CWASM_INSTANTIATE, "one above its limit does not start");

  // Freed memory is used again: 64 times 2 MiB do not fit into the heap at once.
  for (int i = 0; i < 64; i++) {
    if (api.cwasm_instance_new(grow, NULL, NULL, &instance, &error) != CWASM_OK) check(false, "guest %d: %s", i, error.message);
    if (CALL(instance, "grow", &result, 1, i32(31)) != CWASM_OK || result.of.i32 != 1) check(false, "guest %d grows", i);
    api.cwasm_instance_free(instance);
  }
  check(true, "64 guests of 2 MiB, one after the other");
  api.cwasm_module_free(large);
  api.cwasm_module_free(grow);
  api.cwasm_engine_free(engine);
}

// In a process of its own, as this is the end of it.
void check_full_heap(void) {
  int pipes[2];
  if (pipe(pipes) != 0) check(false, "a pipe");
  pid_t child = fork();
  if (child == 0) {
    dup2(pipes[1], STDERR_FILENO);
    static char heap[16 << 10];
    if (api.cwasm_init((uint8_t *)heap, sizeof heap, &error) != CWASM_OK) _exit(3);
    for (;;) new_engine(0);
  }
  close(pipes[1]);
  char said[512] = "";
  for (size_t len = 0; len < sizeof said - 1;) {
    ssize_t n = read(pipes[0], said + len, sizeof said - 1 - len);
    if (n <= 0) break;
    len += (size_t)n;
  }
  close(pipes[0]);
  int status = 0;
  waitpid(child, &status, 0);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(said, "cwasm: memory allocation of") != NULL,
        "a heap of 16 KiB ends in the platform's hook, with a message");
}

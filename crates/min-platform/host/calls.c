// Host functions: arguments, results, the guest's memory, calling it again, and failing.

#include "host.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

// What the callbacks have in common: they are given it.
struct world {
  cwasm_instance *instance;
  const cwasm_caller *outer;
  char printed[64];
  int fail, wrong, busy, busy_caller, depth, trap;
};

static int multiply(void *user, const cwasm_caller *caller, const cwasm_val *args, size_t args_len, cwasm_val *results, size_t results_len) {
  (void)caller;
  struct world *world = user;
  if (args_len != 2 || results_len != 1 || results[0].kind != CWASM_I32 || results[0].of.i32 != 0) return -99;
  if (world->fail != 0) return world->fail;
  results[0] = world->wrong ? i64(1) : i32(args[0].of.i32 * args[1].of.i32);
  return 0;
}

static int print(void *user, const cwasm_caller *caller, const cwasm_val *args, size_t args_len, cwasm_val *results, size_t results_len) {
  (void)args_len, (void)results, (void)results_len;
  struct world *world = user;
  size_t len = (size_t)args[1].of.i32;
  uint64_t size = 0;
  if (api.cwasm_caller_memory_size(caller, "memory", &size, NULL) != CWASM_OK || size != 65536) return 1;
  if (api.cwasm_caller_memory_read(caller, "memory", size - 1, (uint8_t *)world->printed, 2, NULL) != CWASM_BOUNDS) return 2;
  if (len >= sizeof world->printed) return 3;
  if (api.cwasm_caller_memory_read(caller, "memory", (uint64_t)args[0].of.i32, (uint8_t *)world->printed, len, NULL) != CWASM_OK) return 4;
  return api.cwasm_caller_memory_write(caller, "memory", 0, (const uint8_t *)"seen", 5, NULL);
}

static int again(void *user, const cwasm_caller *caller, const cwasm_val *args, size_t args_len, cwasm_val *results, size_t results_len) {
  (void)args_len;
  struct world *world = user;
  cwasm_val ignored;
  // The instance is running: only the caller may be used.
  world->busy += api.cwasm_call(world->instance, "depth", args, 1, &ignored, 1, NULL) == CWASM_BUSY;
  world->busy += api.cwasm_instance_free(world->instance) == CWASM_BUSY;
  // And of several callers the innermost.
  if (world->outer != NULL) world->busy_caller += api.cwasm_caller_call(world->outer, "depth", args, 1, &ignored, 1, NULL) == CWASM_BUSY;
  const cwasm_caller *outer = world->outer;
  world->outer = caller;
  world->depth++;
  cwasm_error mine;
  int code = api.cwasm_caller_call(caller, "depth", args, 1, results, results_len, &mine);
  if (code == CWASM_TRAP) world->trap = mine.trap;
  world->outer = outer;
  return code;
}

static int mix(void *user, const cwasm_caller *caller, const cwasm_val *args, size_t args_len, cwasm_val *results, size_t results_len) {
  (void)user, (void)caller;
  if (args_len != 3 || results_len != 2 || args[1].kind != CWASM_F32) return 1;
  results[0].of.f64 = args[1].of.f32 + args[2].of.f64;
  results[1].of.i64 = -args[0].of.i64;
  return 0;
}

static void *recurse(void *user) {
  struct world *world = user;
  cwasm_val result;
  world->depth = CALL(world->instance, "depth", &result, 1, i32(INT32_MAX));
  return NULL;
}

// Guest and host call each other without end, on a stack of the size that the header asks for. Below it is what can't be accessed.
static void check_recursion(struct world *world) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  if (pthread_attr_setstacksize(&attributes, (128 + 64) << 10) != 0) check(false, "a small stack");
  if (pthread_create(&thread, &attributes, recurse, world) != 0) check(false, "a thread");
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
  check(world->depth == CWASM_HOST && world->trap == CWASM_TRAP_STACK, "host and guest that call each other without end trap");
}

static const uint32_t types[] = {CWASM_I32, CWASM_I32, CWASM_I64, CWASM_F32, CWASM_F64, CWASM_I64};

void check_host_calls(void) {
  static struct world world;
  cwasm_engine *engine = new_engine(0);
  cwasm_module *module = load(engine, "host-call");
  cwasm_linker *linker = NULL;
  cwasm_val results[2];
  check_code(api.cwasm_instance_new(module, NULL, NULL, &world.instance, &error), CWASM_IMPORT, "imports that are not defined are an error");
  check_code(api.cwasm_linker_new(engine, &linker, &error), CWASM_OK, "a linker");
  int code = api.cwasm_linker_define(linker, "host", "multiply", types, 1, types, 1, multiply, &world, &error);
  code |= api.cwasm_linker_define(linker, "host", "print", types, 2, NULL, 0, print, &world, &error);
  code |= api.cwasm_linker_define(linker, "host", "again", types, 1, types, 1, again, &world, &error);
  code |= api.cwasm_linker_define(linker, "host", "mix", types + 2, 3, types + 4, 2, mix, NULL, &error);
  check_code(code, CWASM_OK, "four host functions, one with another type than its import");
  check_code(api.cwasm_instance_new(module, linker, NULL, &world.instance, &error), CWASM_INSTANTIATE, "which is an error");
  api.cwasm_linker_free(linker);
  check_code(api.cwasm_linker_new(engine, &linker, &error), CWASM_OK, "another linker");
  code = api.cwasm_linker_define(linker, "host", "multiply", types, 2, types, 1, multiply, &world, &error);
  code |= api.cwasm_linker_define(linker, "host", "print", types, 2, NULL, 0, print, &world, &error);
  code |= api.cwasm_linker_define(linker, "host", "again", types, 1, types, 1, again, &world, &error);
  code |= api.cwasm_linker_define(linker, "host", "mix", types + 2, 3, types + 4, 2, mix, NULL, &error);
  check_code(code, CWASM_OK, "four host functions");
  check_code(api.cwasm_linker_define(linker, "host", "mix", types, 2, types, 1, mix, NULL, &error), CWASM_ARGUMENT, "a name is defined once");
  check_code(api.cwasm_instance_new(module, linker, NULL, &world.instance, &error), CWASM_OK, "the guest starts with them");
  // Neither is needed any more.
  api.cwasm_linker_free(linker);
  api.cwasm_module_free(module);

  code = CALL(world.instance, "multiply_add", results, 1, i32(6), i32(7), i32(-2));
  check(code == CWASM_OK && results[0].of.i32 == 40, "6 * 7 - 2 = 40, multiplied by the host");
  code = CALL(world.instance, "mix", results, 2, i64(INT64_C(1) << 40), f32(0.25f), f64(1e100));
  check(code == CWASM_OK && results[0].of.f64 == 1e100 && results[1].of.i64 == -(INT64_C(1) << 40), "floats and 64 bits travel both ways");
  code = api.cwasm_call(world.instance, "hello", NULL, 0, NULL, 0, &error);
  check(code == CWASM_OK && strcmp(world.printed, "hello from the guest") == 0, "the host reads the guest's memory in a call");
  code = api.cwasm_memory_read(world.instance, "memory", 0, (uint8_t *)world.printed, 5, &error);
  check(code == CWASM_OK && strcmp(world.printed, "seen") == 0, "and writes it");

  code = CALL(world.instance, "depth", results, 1, i32(5));
  check(code == CWASM_OK && results[0].of.i32 == 5 && world.depth == 5, "the host calls the guest again, 5 deep");
  check(world.busy == 10 && world.busy_caller == 4, "handles of what is running are busy, and do not crash");

  world.fail = 1234;
  check_code(CALL(world.instance, "multiply_add", results, 1, i32(1), i32(1), i32(1)), CWASM_HOST, "a host function that fails ends the call");
  check(error.host == 1234, "with its number");
  world.fail = 0, world.wrong = 1;
  check_code(CALL(world.instance, "multiply_add", results, 1, i32(1), i32(1), i32(1)), CWASM_TYPE, "a result of another type is an error");
  world.wrong = 0;
  code = CALL(world.instance, "multiply_add", results, 1, i32(2), i32(2), i32(0));
  check(code == CWASM_OK && results[0].of.i32 == 4, "the guest is usable after that");
  check_recursion(&world);
  code = CALL(world.instance, "depth", results, 1, i32(1));
  check(code == CWASM_OK && results[0].of.i32 == 1, "and of that");
  check_code(api.cwasm_instance_free(world.instance), CWASM_OK, "it is freed");
  api.cwasm_engine_free(engine);
}

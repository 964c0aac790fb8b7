// Threads that share an engine and its modules, each with guests of its own: needs the feature `sync`.

#include "host.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 20 };

static cwasm_engine *engine;
static cwasm_module *fib;
static pthread_barrier_t together;

// Its own errors: the one of check.c is the main thread's.
static void *work(void *nothing) {
  (void)nothing;
  struct bytes bytes = artifact("trap");
  pthread_barrier_wait(&together);
  for (int round = 0; round < ROUNDS; round++) {
    cwasm_error mine = {0};
    cwasm_module *trap = NULL;
    cwasm_instance *one = NULL, *other = NULL;
    cwasm_val argument = i32(16), result = {0};
    if (api.cwasm_module_load(engine, bytes.start, bytes.len, &trap, &mine) != CWASM_OK) return "load";
    if (api.cwasm_instance_new(fib, NULL, NULL, &one, &mine) != CWASM_OK) return "start fib";
    if (api.cwasm_instance_new(trap, NULL, NULL, &other, &mine) != CWASM_OK) return "start trap";
    if (api.cwasm_call(one, "fib", &argument, 1, &result, 1, &mine) != CWASM_OK || result.of.i64 != 987) return "fib";
    if (api.cwasm_call(other, "unreachable", NULL, 0, NULL, 0, &mine) != CWASM_TRAP || mine.trap != CWASM_TRAP_UNREACHABLE) return "trap";
    if (api.cwasm_instance_free(one) != CWASM_OK || api.cwasm_instance_free(other) != CWASM_OK) return "free";
    api.cwasm_module_free(trap);
  }
  return NULL;
}

void check_threads(void) {
  engine = new_engine(0);
  fib = load(engine, "fib");
  pthread_t threads[THREADS];
  pthread_barrier_init(&together, NULL, THREADS);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) check(false, "a thread");
  for (int i = 0; i < THREADS; i++) {
    void *wrong = NULL;
    pthread_join(threads[i], &wrong);
    check(wrong == NULL, "thread %d loads, runs and traps %d times%s%s", i + 1, ROUNDS, wrong ? ": " : "", wrong ? (char *)wrong : "");
  }
  api.cwasm_module_free(fib);
  api.cwasm_engine_free(engine);
}

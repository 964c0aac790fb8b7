// Traps and their codes, the stack's end, fuel and epochs.

#define _GNU_SOURCE
#include "host.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

void check_traps(void) {
  cwasm_val result;
  cwasm_instance *trap = start("trap");
  check_trap(api.cwasm_call(trap, "unreachable", NULL, 0, NULL, 0, &error), CWASM_TRAP_UNREACHABLE, "unreachable traps");
  check_trap(CALL(trap, "divide", &result, 1, i32(1), i32(0)), CWASM_TRAP_DIVISION, "a division by zero traps");
  check_trap(CALL(trap, "divide", &result, 1, i32(INT32_MIN), i32(-1)), CWASM_TRAP_OVERFLOW, "a quotient that does not fit traps");
  check_trap(CALL(trap, "remainder64", &result, 1, i64(1), i64(0)), CWASM_TRAP_DIVISION, "a remainder of zero traps");
  check_trap(CALL(trap, "truncate", &result, 1, f64(1e10)), CWASM_TRAP_OVERFLOW, "a float that is too large traps");
  check_trap(CALL(trap, "truncate", &result, 1, f64(__builtin_nan(""))), CWASM_TRAP_CONVERSION, "a NaN that should be an integer traps");
  check_trap(CALL(trap, "indirect", NULL, 0, i32(0)), CWASM_TRAP_UNREACHABLE, "an indirect call arrives, and traps there");
  check_trap(CALL(trap, "indirect", NULL, 0, i32(1)), CWASM_TRAP_NULL, "a call of null traps");
  check_trap(CALL(trap, "indirect", NULL, 0, i32(3)), CWASM_TRAP_TABLE, "a call beyond the table traps");
  check_trap(CALL(trap, "as_number", &result, 1, i32(0)), CWASM_TRAP_SIGNATURE, "a call as another type traps");
  for (int i = 0; i < 3; i++)
    check_trap(CALL(trap, "recurse", &result, 1, i64(0)), CWASM_TRAP_STACK, "recursion without end traps");
  int code = api.cwasm_call(trap, "fine", NULL, 0, &result, 1, &error);
  check(code == CWASM_OK && result.of.i32 == 7, "the guest is usable after all of them");
  api.cwasm_instance_free(trap);
}

static volatile sig_atomic_t counted;
static void count(int number) {
  (void)number;
  counted++;
}
static void end(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  _exit(info->si_addr == (void *)8 ? 42 : 43);
}

// A host may have had handlers before, which its own faults are for. In a process of its own, whose first engine is made after that.
void check_own_faults(void) {
  pid_t child = fork();
  if (child == 0) {
    static char heap[4 << 20], stack[64 << 10];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction ending = {.sa_sigaction = end, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &ending, NULL);
    signal(SIGFPE, count);
    if (api.cwasm_init((uint8_t *)heap, sizeof heap, &error) != CWASM_OK) _exit(1);
    cwasm_instance *trap = start("trap"), *memory = start("memory");
    cwasm_val result;
    for (int i = 0; i < 2; i++) {
      if (CALL(trap, "divide", &result, 1, i32(1), i32(0)) != CWASM_TRAP || error.trap != CWASM_TRAP_DIVISION) _exit(2);
      if (CALL(memory, "load", &result, 1, i32(-1)) != CWASM_TRAP || error.trap != CWASM_TRAP_MEMORY) _exit(3);
      if (raise(SIGFPE) != 0 || counted != i + 1) _exit(4);
    }
    volatile const char *volatile nothing = (const char *)8;
    _exit(*nothing);
  }
  int status = 0;
  waitpid(child, &status, 0);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 42, "the host's own faults are for the handlers that it had (%#x)", (unsigned)status);
}

static cwasm_engine *ticking;
static void on_alarm(int number) {
  (void)number;
  api.cwasm_engine_tick(ticking);
}

// Guests that count what they do, or look at the time: artifacts of their own profile.
void check_brakes(void) {
  char profile[64];
  __builtin_snprintf(profile, sizeof profile, "%s+fuel+epochs", setup.profile);
  const char *plain = setup.profile;
  setup.profile = profile;
  cwasm_engine *engine = new_engine(CWASM_FUEL | CWASM_EPOCHS);
  cwasm_module *module = load(engine, "trap");
  setup.profile = plain;
  cwasm_val result;
  cwasm_instance *instance = NULL;
  cwasm_limits limits = {.fuel = 100000, .ticks = 1};
  check_code(api.cwasm_instance_new(module, NULL, &limits, &instance, &error), CWASM_OK, "a guest with fuel starts");
  int code = api.cwasm_call(instance, "fine", NULL, 0, &result, 1, &error);
  check(code == CWASM_OK && result.of.i32 == 7, "it has enough of it");
  check_trap(api.cwasm_call(instance, "spin", NULL, 0, NULL, 0, &error), CWASM_TRAP_FUEL, "until all is used");
  api.cwasm_instance_free(instance);

  limits = (cwasm_limits){.fuel = UINT64_MAX, .ticks = UINT64_MAX};
  api.cwasm_engine_tick(engine);
  check_code(api.cwasm_instance_new(module, NULL, &limits, &instance, &error), CWASM_OK, "a guest with all the time there is starts");
  code = api.cwasm_call(instance, "fine", NULL, 0, &result, 1, &error);
  check(code == CWASM_OK && result.of.i32 == 7, "and runs");
  api.cwasm_instance_free(instance);
  limits.ticks = 1;
  check_code(api.cwasm_instance_new(module, NULL, &limits, &instance, &error), CWASM_OK, "a guest with a deadline starts");
  ticking = engine;
  signal(SIGALRM, on_alarm);
  struct itimerval soon = {.it_value.tv_usec = 50000};
  setitimer(ITIMER_REAL, &soon, NULL);
  check_trap(api.cwasm_call(instance, "spin", NULL, 0, NULL, 0, &error), CWASM_TRAP_EPOCH, "an interrupt that ticks ends it");
  api.cwasm_instance_free(instance);
  api.cwasm_module_free(module);
  api.cwasm_engine_free(engine);
}

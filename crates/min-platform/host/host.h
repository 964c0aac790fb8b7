// What the checks of the host have in common.

#pragma once

#include "cwasm-embedding.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Every function of the ABI. Dynamically linked hosts look them up by name.
#define FUNCTIONS(X)                                                                                                   \
  X(cwasm_init) X(cwasm_engine_new) X(cwasm_engine_tick) X(cwasm_engine_free) X(cwasm_module_load)                     \
  X(cwasm_module_exports) X(cwasm_module_imports) X(cwasm_module_export) X(cwasm_module_import) X(cwasm_module_free)   \
  X(cwasm_linker_new) X(cwasm_linker_define) X(cwasm_linker_free) X(cwasm_instance_new) X(cwasm_call)                  \
  X(cwasm_memory_size) X(cwasm_memory_grow) X(cwasm_memory_read) X(cwasm_memory_write) X(cwasm_instance_free)          \
  X(cwasm_caller_call) X(cwasm_caller_memory_size) X(cwasm_caller_memory_read) X(cwasm_caller_memory_write)

struct api {
#define MEMBER(name) __typeof__(name) *name;
  FUNCTIONS(MEMBER)
#undef MEMBER
};
extern struct api api;

// What this run is of.
struct setup {
  const char *artifacts; // the folder: PROFILE/GUEST.TARGET.cwasm
  const char *profile;
  const char *target;
  bool pulley, signals, sync;
};
extern struct setup setup;

// The error of the last call that was given one.
extern cwasm_error error;

// Counts, prints, and ends the program if it does not hold.
void check(bool holds, const char *what, ...) __attribute__((format(printf, 2, 3)));
// That a call gave this code; says what came instead.
void check_code(int code, int expected, const char *what);
void check_trap(int code, int trap, const char *what);
void passed_and_end(void);

struct bytes {
  uint8_t *start;
  size_t len;
};
struct bytes read_artifact(const char *profile, const char *guest, const char *target);
// Of the run's own profile and target.
struct bytes artifact(const char *guest);

cwasm_engine *new_engine(uint32_t flags);
cwasm_module *load(cwasm_engine *engine, const char *guest);
// A guest without imports; engine and module are freed with it.
cwasm_instance *start(const char *guest);

cwasm_val i32(int32_t value);
cwasm_val i64(int64_t value);
cwasm_val f32(float value);
cwasm_val f64(double value);

// Calls with what is in an array: CALL(instance, "add", RESULTS(results, 1), i32(1), i32(2)).
#define CALL(instance, name, results, results_len, ...)                                                                \
  api.cwasm_call(instance, name, (cwasm_val[]){__VA_ARGS__}, sizeof((cwasm_val[]){__VA_ARGS__}) / sizeof(cwasm_val),   \
                 results, results_len, &error)

void check_values(void);
void check_listing(void);
void check_memory(void);
void check_host_calls(void);
void check_traps(void);
void check_brakes(void);
void check_out_of_memory(void);
void check_full_heap(void);
void check_own_faults(void);
void check_artifacts(void);
void check_misuse(void);
void check_threads(void);

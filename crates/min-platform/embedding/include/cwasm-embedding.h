// Wasmtime for platforms without an operating system. Made from embedding/src by
// `cargo run --package cwasm-headers`: do not edit.
//
// Functions that can fail return CWASM_OK or another code, and fill in a cwasm_error if they are given one. Handles
// that are null are errors, and so is what an instance is asked while it runs.

#ifndef CWASM_EMBEDDING_H
#define CWASM_EMBEDDING_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * It worked.
 */
#define CWASM_OK 0

/**
 * A pointer is null, or not aligned.
 */
#define CWASM_NULL 1

/**
 * An argument makes no sense.
 */
#define CWASM_ARGUMENT 2

/**
 * `cwasm_init` was not called.
 */
#define CWASM_NOT_READY 3

/**
 * This build lacks the feature for it.
 */
#define CWASM_UNSUPPORTED 4

/**
 * The bytes are no artifact, or not one of a module.
 */
#define CWASM_NOT_AN_ARTIFACT 5

/**
 * The artifact was cut short or changed.
 */
#define CWASM_DAMAGED 6

/**
 * The artifact was made by another version, or by somebody else.
 */
#define CWASM_VERSION 7

/**
 * The artifact was compiled with another profile.
 */
#define CWASM_PROFILE 8

/**
 * The artifact is for another target.
 */
#define CWASM_TARGET 9

/**
 * The artifact needs what this CPU, or this build on it, lacks.
 */
#define CWASM_CPU 10

/**
 * The artifact does not load for another reason.
 */
#define CWASM_INCOMPATIBLE 11

/**
 * There is no memory left for it. Where a new instance gets none of the platform's virtual memory, the code is `CWASM_INSTANTIATE`.
 */
#define CWASM_MEMORY 12

/**
 * An import is not defined.
 */
#define CWASM_IMPORT 13

/**
 * The module can't be instantiated for another reason: an import has another type, a limit is in the way, there is no memory.
 */
#define CWASM_INSTANTIATE 14

/**
 * There is no export of this name and kind.
 */
#define CWASM_EXPORT 15

/**
 * Number or types of values differ from the function's.
 */
#define CWASM_TYPE 16

/**
 * The range is not in the memory.
 */
#define CWASM_BOUNDS 17

/**
 * The instance is running: in a host function use its `cwasm_caller`.
 */
#define CWASM_BUSY 18

/**
 * The guest trapped: `trap` says how.
 */
#define CWASM_TRAP 19

/**
 * A host function failed: `host` is what it returned.
 */
#define CWASM_HOST 20

/**
 * Anything else.
 */
#define CWASM_FAILED 21

/**
 * No trap.
 */
#define CWASM_TRAP_NONE 0

/**
 * `unreachable` was reached.
 */
#define CWASM_TRAP_UNREACHABLE 1

/**
 * An access beyond the end of a memory.
 */
#define CWASM_TRAP_MEMORY 2

/**
 * An access beyond the end of a table.
 */
#define CWASM_TRAP_TABLE 3

/**
 * A call of a null reference.
 */
#define CWASM_TRAP_NULL 4

/**
 * An indirect call of a function of another type.
 */
#define CWASM_TRAP_SIGNATURE 5

/**
 * An integer does not fit.
 */
#define CWASM_TRAP_OVERFLOW 6

/**
 * A division by zero.
 */
#define CWASM_TRAP_DIVISION 7

/**
 * A float that is no integer, or too large to be one.
 */
#define CWASM_TRAP_CONVERSION 8

/**
 * The stack is full.
 */
#define CWASM_TRAP_STACK 9

/**
 * All fuel is used.
 */
#define CWASM_TRAP_FUEL 10

/**
 * The epoch's deadline has passed.
 */
#define CWASM_TRAP_EPOCH 11

/**
 * Any other.
 */
#define CWASM_TRAP_OTHER 12

/**
 * Bytes of a message, with its end.
 */
#define CWASM_MESSAGE 244

/**
 * Machine code of this target. Needs the feature `native`.
 */
#define CWASM_NATIVE 0

/**
 * Artifacts for `pulley64`, interpreted. Needs the feature `pulley`.
 */
#define CWASM_PULLEY 1

/**
 * A flag: guests use fuel (`…+fuel` in their profile).
 */
#define CWASM_FUEL 1

/**
 * A flag: guests look at the engine's epoch (`…+epochs`).
 */
#define CWASM_EPOCHS 2

/**
 * A 32-bit integer.
 */
#define CWASM_I32 0

/**
 * A 64-bit integer.
 */
#define CWASM_I64 1

/**
 * A 32-bit float.
 */
#define CWASM_F32 2

/**
 * A 64-bit float.
 */
#define CWASM_F64 3

/**
 * A vector of 128 bits.
 */
#define CWASM_V128 4

/**
 * A reference: functions that take or return one can be listed, not called.
 */
#define CWASM_REFERENCE 5

/**
 * How many parameters, and how many results, a function that is called or defined here may have.
 */
#define CWASM_MAX_VALUES 16

/**
 * A function.
 */
#define CWASM_FUNC 0

/**
 * A table.
 */
#define CWASM_TABLE 1

/**
 * A memory.
 */
#define CWASM_MEMORY_TYPE 2

/**
 * A global.
 */
#define CWASM_GLOBAL 3

/**
 * A tag.
 */
#define CWASM_TAG 4

/**
 * The guest that calls a host function, for the thread that this runs on. It is gone when that returns; calls through it may run
 * host functions, which have callers of their own.
 */
typedef struct cwasm_caller cwasm_caller;

/**
 * Loads modules. Threads may share it, in builds with the feature `sync`.
 */
typedef struct cwasm_engine cwasm_engine;

/**
 * A guest. One thread at a time may use it, and no host function that it has called: both are told `CWASM_BUSY`.
 */
typedef struct cwasm_instance cwasm_instance;

/**
 * Host functions by the names that guests import them with.
 */
typedef struct cwasm_linker cwasm_linker;

/**
 * A loaded artifact. Threads may share it, in builds with the feature `sync`.
 */
typedef struct cwasm_module cwasm_module;

/**
 * What went wrong. Nothing in it has to be freed.
 */
typedef struct cwasm_error {
  /**
   * What the function returned, `CWASM_…`.
   */
  int code;
  /**
   * `CWASM_TRAP_…`, if the code is `CWASM_TRAP`.
   */
  int trap;
  /**
   * What the host function returned, if the code is `CWASM_HOST`.
   */
  int host;
  /**
   * The same for people, cut where it is too long; ends in a zero byte.
   */
  char message[CWASM_MESSAGE];
} cwasm_error;

/**
 * What an engine is for.
 */
typedef struct cwasm_options {
  /**
   * `CWASM_NATIVE` or `CWASM_PULLEY`.
   */
  uint32_t kind;
  /**
   * `CWASM_FUEL` and `CWASM_EPOCHS`, or 0.
   */
  uint32_t flags;
  /**
   * Bytes of stack that one call of a guest may use, host functions in it included; the thread that calls must have that and
   * some 64 KiB. 0 is 128 KiB, 4 KiB the least, and 256 MiB the most.
   */
  size_t max_wasm_stack;
} cwasm_options;

/**
 * What a module imports or exports. All that it points to is the module's.
 */
typedef struct cwasm_extern {
  /**
   * Where it is imported from; null of an export. Ends in a zero byte, like `name`, and may have others in it.
   */
  const char *module;
  /**
   * Bytes of `module`.
   */
  size_t module_len;
  /**
   * Its name.
   */
  const char *name;
  /**
   * Bytes of `name`.
   */
  size_t name_len;
  /**
   * `CWASM_FUNC` and those after it.
   */
  uint32_t kind;
  /**
   * Types of a function's parameters, `CWASM_I32` and those after it. Of a global: its type.
   */
  const uint32_t *params;
  /**
   * How many there are.
   */
  size_t params_len;
  /**
   * Types of its results.
   */
  const uint32_t *results;
  /**
   * How many there are.
   */
  size_t results_len;
  /**
   * A memory's pages, or a table's elements, at first.
   */
  uint64_t minimum;
  /**
   * The most of them; `UINT64_MAX` if nothing is said.
   */
  uint64_t maximum;
} cwasm_extern;

/**
 * The bits of a value.
 */
typedef union cwasm_bits {
  /**
   * Of `CWASM_I32`.
   */
  int32_t i32;
  /**
   * Of `CWASM_I64`.
   */
  int64_t i64;
  /**
   * Of `CWASM_F32`.
   */
  float f32;
  /**
   * Of `CWASM_F64`.
   */
  double f64;
  /**
   * Of `CWASM_V128`, little-endian.
   */
  uint8_t v128[16];
} cwasm_bits;

/**
 * A value.
 */
typedef struct cwasm_val {
  /**
   * `CWASM_I32` to `CWASM_V128`.
   */
  uint32_t kind;
  /**
   * What it is, by its kind.
   */
  union cwasm_bits of;
} cwasm_val;

/**
 * A host function. It has as many arguments and results as it was defined with; `results` have their types already and are 0. It
 * returns 0, or any other number, which ends the guest's call with `CWASM_HOST`. It must return: no `longjmp`, no exception.
 */
typedef int (*cwasm_callback)(void *user,
                              const struct cwasm_caller *caller,
                              const struct cwasm_val *args,
                              size_t args_len,
                              struct cwasm_val *results,
                              size_t results_len);

/**
 * What a guest may use.
 */
typedef struct cwasm_limits {
  /**
   * Bytes of each of its memories. 0: no limit but its own and the platform's.
   */
  size_t memory_bytes;
  /**
   * Elements of each of its tables. 0: no limit but its own and the platform's.
   */
  size_t table_elements;
  /**
   * Fuel, if the engine was made with `CWASM_FUEL`.
   */
  uint64_t fuel;
  /**
   * Ticks of the engine until it traps, if that was made with `CWASM_EPOCHS`.
   */
  uint64_t ticks;
} cwasm_limits;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Gives the embedding its heap, before anything else and once: engines, modules, the interpreter's stacks, and in builds without the
 * feature `signals` guests' memories too, are in there. The region stays the embedding's for good.
 *
 * # Safety
 * Nobody else uses the `len` bytes at `heap` from now on.
 */
int cwasm_init(uint8_t *heap,
               size_t len,
               struct cwasm_error *error);

/**
 * Makes an engine. One is enough for all modules of a kind.
 *
 * # Safety
 * `options` points to some, and `out` to where the handle goes.
 */
int cwasm_engine_new(const struct cwasm_options *options,
                     struct cwasm_engine **out,
                     struct cwasm_error *error);

/**
 * Moves the engine's epoch: guests that were given fewer ticks trap. May be called from interrupts and other threads.
 *
 * # Safety
 * `engine` is null or a living handle.
 */
int cwasm_engine_tick(const struct cwasm_engine *engine);

/**
 * Frees an engine; its modules and instances live on.
 *
 * # Safety
 * `engine` is null or a handle that is not used again.
 */
void cwasm_engine_free(struct cwasm_engine *engine);

/**
 * Loads an artifact. Its bytes are copied. **It must come from whom you trust**: what is checked is whether it fits, and whether its
 * head and its end are as they were made, not its code, which can do whatever the embedding can.
 *
 * # Safety
 * `engine` is null or a living handle, there are `len` bytes at `bytes`, whose code the compiler has made, and `out` points to
 * where the handle goes.
 */
int cwasm_module_load(const struct cwasm_engine *engine,
                      const uint8_t *bytes,
                      size_t len,
                      struct cwasm_module **out,
                      struct cwasm_error *error);

/**
 * How many exports a module has; 0 of null.
 *
 * # Safety
 * `module` is null or a living handle.
 */
size_t cwasm_module_exports(const struct cwasm_module *module);

/**
 * How many imports it has; 0 of null.
 *
 * # Safety
 * `module` is null or a living handle.
 */
size_t cwasm_module_imports(const struct cwasm_module *module);

/**
 * One of its exports.
 *
 * # Safety
 * `module` is null or a living handle, and `out` points to where it is told.
 */
int cwasm_module_export(const struct cwasm_module *module,
                        size_t index,
                        struct cwasm_extern *out,
                        struct cwasm_error *error);

/**
 * One of its imports.
 *
 * # Safety
 * `module` is null or a living handle, and `out` points to where it is told.
 */
int cwasm_module_import(const struct cwasm_module *module,
                        size_t index,
                        struct cwasm_extern *out,
                        struct cwasm_error *error);

/**
 * Frees a module; its instances live on.
 *
 * # Safety
 * `module` is null or a handle that is not used again.
 */
void cwasm_module_free(struct cwasm_module *module);

/**
 * Makes a linker, for modules of this engine.
 *
 * # Safety
 * `engine` is null or a living handle, and `out` points to where the handle goes.
 */
int cwasm_linker_new(const struct cwasm_engine *engine,
                     struct cwasm_linker **out,
                     struct cwasm_error *error);

/**
 * Defines a host function. `user` is handed to it, on whatever thread the guest runs.
 *
 * # Safety
 * `linker` is null or a living handle that no other thread uses, names end in zero bytes, there are so many types at `params` and
 * `results`, and `callback` is null or does what its type says as long as the linker or an instance made with it lives.
 */
int cwasm_linker_define(struct cwasm_linker *linker,
                        const char *module,
                        const char *name,
                        const uint32_t *params,
                        size_t params_len,
                        const uint32_t *results,
                        size_t results_len,
                        cwasm_callback callback,
                        void *user,
                        struct cwasm_error *error);

/**
 * Frees a linker; instances live on, and with them the callbacks they have.
 *
 * # Safety
 * `linker` is null or a handle that is not used again.
 */
void cwasm_linker_free(struct cwasm_linker *linker);

/**
 * Instantiates a module, and runs its start function. Without a linker it has no imports; without limits it has neither fuel nor
 * time, if the engine counts those.
 *
 * # Safety
 * `module` is null or a living handle, `linker` and `limits` are null or point to one, and `out` points to where the handle goes.
 */
int cwasm_instance_new(const struct cwasm_module *module,
                       const struct cwasm_linker *linker,
                       const struct cwasm_limits *limits,
                       struct cwasm_instance **out,
                       struct cwasm_error *error);

/**
 * Calls an exported function. The instance is usable after a trap, too. `results` may be where `args` are.
 *
 * # Safety
 * `instance` is null or a living handle, `name` ends in a zero byte, and there are so many values at `args` and `results`.
 */
int cwasm_call(const struct cwasm_instance *instance,
               const char *name,
               const struct cwasm_val *args,
               size_t args_len,
               struct cwasm_val *results,
               size_t results_len,
               struct cwasm_error *error);

/**
 * The length of an exported memory, in bytes.
 *
 * # Safety
 * `instance` is null or a living handle, `name` ends in a zero byte, and `out` points to where the length goes.
 */
int cwasm_memory_size(const struct cwasm_instance *instance,
                      const char *name,
                      uint64_t *out,
                      struct cwasm_error *error);

/**
 * Makes an exported memory larger by so many pages.
 *
 * # Safety
 * `instance` is null or a living handle, and `name` ends in a zero byte.
 */
int cwasm_memory_grow(const struct cwasm_instance *instance,
                      const char *name,
                      uint64_t pages,
                      struct cwasm_error *error);

/**
 * Copies bytes out of an exported memory.
 *
 * # Safety
 * `instance` is null or a living handle, `name` ends in a zero byte, and there is space for `len` bytes at `to`.
 */
int cwasm_memory_read(const struct cwasm_instance *instance,
                      const char *name,
                      uint64_t offset,
                      uint8_t *to,
                      size_t len,
                      struct cwasm_error *error);

/**
 * Copies bytes into an exported memory.
 *
 * # Safety
 * `instance` is null or a living handle, `name` ends in a zero byte, and there are `len` bytes at `from`.
 */
int cwasm_memory_write(const struct cwasm_instance *instance,
                       const char *name,
                       uint64_t offset,
                       const uint8_t *from,
                       size_t len,
                       struct cwasm_error *error);

/**
 * Frees an instance, with its memories. One that is running is not freed: `CWASM_BUSY`.
 *
 * # Safety
 * `instance` is null or a handle that is not used again, unless it was busy.
 */
int cwasm_instance_free(struct cwasm_instance *instance);

/**
 * Calls an export of the guest from a host function. `results` may be where `args` are.
 *
 * # Safety
 * `caller` is null or what the host function was given, `name` ends in a zero byte, and there are so many values at `args` and `results`.
 */
int cwasm_caller_call(const struct cwasm_caller *caller,
                      const char *name,
                      const struct cwasm_val *args,
                      size_t args_len,
                      struct cwasm_val *results,
                      size_t results_len,
                      struct cwasm_error *error);

/**
 * The length of the guest's memory of this name, in bytes.
 *
 * # Safety
 * `caller` is null or what the host function was given, `name` ends in a zero byte, and `out` points to where the length goes.
 */
int cwasm_caller_memory_size(const struct cwasm_caller *caller,
                             const char *name,
                             uint64_t *out,
                             struct cwasm_error *error);

/**
 * Copies bytes out of the guest's memory of this name.
 *
 * # Safety
 * `caller` is null or what the host function was given, `name` ends in a zero byte, and there is space for `len` bytes at `to`.
 */
int cwasm_caller_memory_read(const struct cwasm_caller *caller,
                             const char *name,
                             uint64_t offset,
                             uint8_t *to,
                             size_t len,
                             struct cwasm_error *error);

/**
 * Copies bytes into the guest's memory of this name.
 *
 * # Safety
 * `caller` is null or what the host function was given, `name` ends in a zero byte, and there are `len` bytes at `from`.
 */
int cwasm_caller_memory_write(const struct cwasm_caller *caller,
                              const char *name,
                              uint64_t offset,
                              const uint8_t *from,
                              size_t len,
                              struct cwasm_error *error);

/**
 * Called when nothing can go on: the heap is full where that can't be told, or there is a bug. Must not return. `message` does
 * not end in a zero byte.
 */
extern void cwasm_platform_abort(const char *message,
                                 size_t len);

/**
 * Makes code executable and no longer writable, and tells instruction caches of it. Called by builds that run native code
 * without the feature `signals`. The code begins and ends at a multiple of 4096 (65536 on aarch64). Returns 0, or anything
 * else if it can't: then the module does not load.
 */
extern int cwasm_platform_publish(const uint8_t *code,
                                  size_t len);

/**
 * The reverse, before the memory is used for something else. Returns 0, or anything else if it can't: then nothing can
 * go on.
 */
extern int cwasm_platform_unpublish(const uint8_t *code,
                                    size_t len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CWASM_EMBEDDING_H */

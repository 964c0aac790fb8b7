// Calls with values of every type, and what a module says of itself.

#include "host.h"

#include <string.h>

void check_values(void) {
  cwasm_val results[2];
  cwasm_instance *add = start("add");
  int code = CALL(add, "add", results, 1, i32(2), i32(-44));
  check(code == CWASM_OK && results[0].kind == CWASM_I32 && results[0].of.i32 == -42, "add: 2 + -44 = -42");
  code = CALL(add, "add", results, 1, i32(INT32_MAX), i32(1));
  check(code == CWASM_OK && results[0].of.i32 == INT32_MIN, "add wraps");
  code = CALL(add, "add64", results, 1, i64(INT64_C(1) << 40), i64(-1));
  check(code == CWASM_OK && results[0].kind == CWASM_I64 && results[0].of.i64 == 0xffffffffff, "add64");
  code = CALL(add, "scale", results, 1, f32(1.5f), f32(-3.0f));
  check(code == CWASM_OK && results[0].kind == CWASM_F32 && results[0].of.f32 == -4.5f, "f32: 1.5 * -3 = -4.5");
  code = CALL(add, "hypotenuse", results, 1, f64(3), f64(4));
  check(code == CWASM_OK && results[0].kind == CWASM_F64 && results[0].of.f64 == 5, "f64: hypotenuse of 3 and 4 is 5");
  code = CALL(add, "both", results, 2, i32(7), f64(0.5));
  check(code == CWASM_OK && results[0].kind == CWASM_F64 && results[0].of.f64 == 0.5 && results[1].of.i32 == 7, "two results");
  cwasm_val lanes = {.kind = CWASM_V128};
  for (int i = 0; i < 4; i++) lanes.of.v128[4 * i] = (uint8_t)(100 + 10 * i);
  code = CALL(add, "lanes", results, 1, lanes, lanes);
  const uint8_t sums[16] = {200, 0, 0, 0, 220, 0, 0, 0, 240, 0, 0, 0, 4, 1, 0, 0};
  check(code == CWASM_OK && results[0].kind == CWASM_V128 && memcmp(results[0].of.v128, sums, 16) == 0, "v128: lanes are added");

  results[0] = i32(20), results[1] = i32(22);
  code = api.cwasm_call(add, "add", results, 2, results, 1, &error);
  check(code == CWASM_OK && results[0].of.i32 == 42, "results may be where arguments are");

  check_code(CALL(add, "add", results, 1, i32(1)), CWASM_TYPE, "too few arguments are refused");
  check_code(CALL(add, "add", results, 0, i32(1), i32(2)), CWASM_TYPE, "too few results are refused");
  check_code(CALL(add, "add", results, 1, i32(1), i64(2)), CWASM_TYPE, "an i64 for an i32 is refused");
  check_code(CALL(add, "add", results, 1, i32(1), (cwasm_val){.kind = 99}), CWASM_TYPE, "a type that is none is refused");
  check_code(CALL(add, "reference", results, 1, (cwasm_val){.kind = CWASM_REFERENCE}), CWASM_TYPE, "references are refused");
  results[0] = i32(-5);
  check_code(api.cwasm_call(add, "make", NULL, 0, results, 2, &error), CWASM_TYPE, "nor are they results");
  check(results[0].of.i32 == -5, "and nothing was written");
  code = api.cwasm_call(add, "is_made", NULL, 0, results, 1, &error);
  check(code == CWASM_OK && results[0].of.i32 == 0, "nor called");
  check_code(CALL(add, "nothing", results, 1, i32(1)), CWASM_EXPORT, "an export that is not there is refused");
  api.cwasm_instance_free(add);

  cwasm_instance *fib = start("fib");
  code = CALL(fib, "fib", results, 1, i32(24));
  check(code == CWASM_OK && results[0].of.i64 == 46368, "fib(24) = 46368");
  api.cwasm_instance_free(fib);
}

// Finds what is listed under a name.
static cwasm_extern export_named(const cwasm_module *module, const char *name) {
  cwasm_extern found = {0};
  for (size_t i = 0; i < api.cwasm_module_exports(module); i++) {
    if (api.cwasm_module_export(module, i, &found, &error) != CWASM_OK) check(false, "an export: %s", error.message);
    if (strcmp(found.name, name) == 0 && found.name_len == strlen(name)) return found;
  }
  check(false, "%s is listed", name);
  return found;
}

void check_listing(void) {
  cwasm_engine *engine = new_engine(0);
  cwasm_module *memory = load(engine, "memory"), *add = load(engine, "add"), *calls = load(engine, "host-call");
  check(api.cwasm_module_exports(memory) == 8 && api.cwasm_module_imports(memory) == 0, "memory has 8 exports and no imports");
  cwasm_extern found = export_named(memory, "memory");
  check(found.kind == CWASM_MEMORY_TYPE && found.minimum == 1 && found.maximum == 3 && found.module == NULL, "its memory has 1 to 3 pages");
  found = export_named(memory, "table");
  check(found.kind == CWASM_TABLE && found.minimum == 2 && found.maximum == 4, "its table has 2 to 4 elements");
  found = export_named(memory, "answer");
  check(found.kind == CWASM_GLOBAL && found.params_len == 1 && found.params[0] == CWASM_I64, "its global is an i64");
  found = export_named(add, "both");
  check(found.kind == CWASM_FUNC && found.params_len == 2 && found.params[0] == CWASM_I32 && found.params[1] == CWASM_F64 &&
            found.results_len == 2 && found.results[0] == CWASM_F64 && found.results[1] == CWASM_I32,
        "a function's parameters and results are listed");
  check(export_named(add, "reference").params[0] == CWASM_REFERENCE, "a reference is listed as one");
  int code = api.cwasm_module_import(calls, 1, &found, &error);
  check(code == CWASM_OK && strcmp(found.module, "host") == 0 && found.module_len == 4 && strcmp(found.name, "print") == 0 &&
            found.params_len == 2 && found.results_len == 0,
        "an import is listed with its module");
  check(api.cwasm_module_imports(calls) == 4, "host-call has 4 imports");
  check_code(api.cwasm_module_import(calls, 4, &found, &error), CWASM_ARGUMENT, "a fifth is refused");
  api.cwasm_module_free(memory);
  api.cwasm_module_free(add);
  api.cwasm_module_free(calls);
  api.cwasm_engine_free(engine);
}

#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

cwasm_error error;
static int passed;

void check(bool holds, const char *what, ...) {
  va_list words;
  va_start(words, what);
  fputs(holds ? "  ok      " : "  FAILED  ", stdout);
  vprintf(what, words);
  va_end(words);
  puts("");
  if (!holds) {
    printf("%d passed, 1 failed\n", passed);
    exit(1);
  }
  passed++;
}

void check_code(int code, int expected, const char *what) {
  if (code == expected)
    check(expected == CWASM_OK || (error.code == code && error.message[0] != 0), "%s", what);
  else
    check(false, "%s: %d instead of %d (%s)", what, code, expected, error.message);
}

void check_trap(int code, int trap, const char *what) {
  check_code(code, CWASM_TRAP, what);
  if (error.trap != trap) check(false, "%s: trap %d instead of %d (%s)", what, error.trap, trap, error.message);
}

void passed_and_end(void) {
  printf("%d passed, 0 failed\n", passed);
  exit(0);
}

struct bytes read_artifact(const char *profile, const char *guest, const char *target) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s/%s.%s.cwasm", setup.artifacts, profile, guest, target);
  FILE *file = fopen(path, "rb");
  if (file == NULL) check(false, "there is a file %s", path);
  fseek(file, 0, SEEK_END);
  struct bytes bytes = {.len = (size_t)ftell(file)};
  rewind(file);
  bytes.start = malloc(bytes.len);
  if (bytes.start == NULL || fread(bytes.start, 1, bytes.len, file) != bytes.len) check(false, "%s is read", path);
  fclose(file);
  return bytes;
}

struct bytes artifact(const char *guest) { return read_artifact(setup.profile, guest, setup.target); }

cwasm_engine *new_engine(uint32_t flags) {
  cwasm_engine *engine = NULL;
  cwasm_options options = {.kind = setup.pulley ? CWASM_PULLEY : CWASM_NATIVE, .flags = flags};
  if (api.cwasm_engine_new(&options, &engine, &error) != CWASM_OK) check(false, "an engine: %s", error.message);
  return engine;
}

cwasm_module *load(cwasm_engine *engine, const char *guest) {
  cwasm_module *module = NULL;
  struct bytes bytes = artifact(guest);
  if (api.cwasm_module_load(engine, bytes.start, bytes.len, &module, &error) != CWASM_OK)
    check(false, "%s loads: %s", guest, error.message);
  // It has its own copy.
  free(bytes.start);
  return module;
}

cwasm_instance *start(const char *guest) {
  cwasm_engine *engine = new_engine(0);
  cwasm_module *module = load(engine, guest);
  cwasm_instance *instance = NULL;
  if (api.cwasm_instance_new(module, NULL, NULL, &instance, &error) != CWASM_OK)
    check(false, "%s starts: %s", guest, error.message);
  api.cwasm_engine_free(engine);
  api.cwasm_module_free(module);
  return instance;
}

cwasm_val i32(int32_t value) { return (cwasm_val){.kind = CWASM_I32, .of.i32 = value}; }
cwasm_val i64(int64_t value) { return (cwasm_val){.kind = CWASM_I64, .of.i64 = value}; }
cwasm_val f32(float value) { return (cwasm_val){.kind = CWASM_F32, .of.f32 = value}; }
cwasm_val f64(double value) { return (cwasm_val){.kind = CWASM_F64, .of.f64 = value}; }

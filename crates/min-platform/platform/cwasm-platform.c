// What the embedding asks of its platform besides, on Linux: see cwasm-embedding.h.

#define _GNU_SOURCE
#include "cwasm-embedding.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void cwasm_platform_abort(const char *message, size_t len) {
  // write alone: there may be no memory left for more.
  static const char before[] = "cwasm: ", after[] = "\n";
  if (write(STDERR_FILENO, before, sizeof before - 1) < 0 || write(STDERR_FILENO, message, len) < 0 ||
      write(STDERR_FILENO, after, sizeof after - 1) < 0)
    _exit(134);
  abort();
}

// Code begins and ends where pages do.
EXPORTED int cwasm_platform_publish(const uint8_t *code, size_t len) {
  if (mprotect((void *)code, len, PROT_READ | PROT_EXEC) != 0) return 1;
  __builtin___clear_cache((char *)code, (char *)code + len);
  return 0;
}

EXPORTED int cwasm_platform_unpublish(const uint8_t *code, size_t len) {
  return mprotect((void *)code, len, PROT_READ | PROT_WRITE);
}

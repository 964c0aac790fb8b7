// What Wasmtime asks of its platform, on Linux. A platform of your own has its own: of this file WASMTIME_VIRTUAL_MEMORY,
// WASMTIME_NATIVE_SIGNALS and WASMTIME_CUSTOM_SYNC are wanted only as the embedding was built (see the header), and without them
// two functions are left.

#define _GNU_SOURCE
#include "wasmtime-platform.h"

#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))

// One pointer per thread, and one more with async components.
static __thread uint8_t *slots[2];

EXPORTED uint8_t *wasmtime_tls_get(size_t slot) { return slots[slot]; }
EXPORTED void wasmtime_tls_set(size_t slot, uint8_t *ptr) { slots[slot] = ptr; }

#ifdef WASMTIME_VIRTUAL_MEMORY

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// A platform has an end. Linux sets none that a test could reach, so here is the largest piece that may be used at once.
size_t platform_largest = SIZE_MAX;

static int refused(size_t size, uint32_t flags) { return flags != 0 && size > platform_largest; }

static int protection(uint32_t flags) {
  return (flags & WASMTIME_PROT_READ ? PROT_READ : 0) | (flags & WASMTIME_PROT_WRITE ? PROT_WRITE : 0) |
         (flags & WASMTIME_PROT_EXEC ? PROT_EXEC : 0);
}

EXPORTED int32_t wasmtime_mmap_new(size_t size, uint32_t flags, uint8_t **ret) {
  if (refused(size, flags)) return ENOMEM;
  // Space that is only set aside is not counted as memory.
  void *made = mmap(NULL, size, protection(flags), MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) return errno;
  *ret = made;
  return 0;
}

EXPORTED int32_t wasmtime_mmap_remap(uint8_t *addr, size_t size, uint32_t flags) {
  void *made =
      mmap(addr, size, protection(flags), MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return made == MAP_FAILED ? errno : 0;
}

EXPORTED int32_t wasmtime_munmap(uint8_t *ptr, size_t size) { return munmap(ptr, size) == 0 ? 0 : errno; }

EXPORTED int32_t wasmtime_mprotect(uint8_t *ptr, size_t size, uint32_t flags) {
  if (refused(size, flags)) return ENOMEM;
  if (mprotect(ptr, size, protection(flags)) != 0) return errno;
  // Code was written before: instruction caches must know of it (a no-op on x64).
  if (flags & WASMTIME_PROT_EXEC) __builtin___clear_cache((char *)ptr, (char *)ptr + size);
  return 0;
}

EXPORTED size_t wasmtime_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

// An image of a memory's first contents, which instances map and copy where they write. A platform may leave *ret null
// instead: then contents are copied.
struct wasmtime_memory_image {
  int file;
};

EXPORTED int32_t wasmtime_memory_image_new(const uint8_t *ptr, size_t len, struct wasmtime_memory_image **ret) {
  *ret = NULL;
  int file = memfd_create("wasm-memory-image", MFD_CLOEXEC);
  if (file < 0) return errno == ENOSYS ? 0 : errno;
  for (size_t done = 0; done < len;) {
    ssize_t n = write(file, ptr + done, len - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int code = n < 0 ? errno : EIO;
      close(file);
      return code;
    }
    done += (size_t)n;
  }
  struct wasmtime_memory_image *image = malloc(sizeof *image);
  if (image == NULL) {
    close(file);
    return ENOMEM;
  }
  image->file = file;
  *ret = image;
  return 0;
}

// How often one was mapped, for tests.
size_t platform_images;

EXPORTED int32_t wasmtime_memory_image_map_at(struct wasmtime_memory_image *image, uint8_t *addr, size_t len) {
  __atomic_add_fetch(&platform_images, 1, __ATOMIC_RELAXED);
  void *made = mmap(addr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, image->file, 0);
  return made == MAP_FAILED ? errno : 0;
}

EXPORTED void wasmtime_memory_image_free(struct wasmtime_memory_image *image) {
  // What is mapped stays mapped.
  close(image->file);
  free(image);
}

#endif // WASMTIME_VIRTUAL_MEMORY

#ifdef WASMTIME_NATIVE_SIGNALS

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

static wasmtime_trap_handler_t on_trap;

// Bad accesses are either of the first two, what guests check themselves is SIGILL or SIGTRAP, a division by zero is SIGFPE.
static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
enum { NUMBERS = sizeof numbers / sizeof *numbers };
// What handled them before.
static struct sigaction before[NUMBERS];

// How many faults there were, for tests.
volatile sig_atomic_t platform_faults;

static void on_signal(int number, siginfo_t *info, void *context) {
  const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
  uintptr_t pc = (uintptr_t)machine->gregs[REG_RIP], fp = (uintptr_t)machine->gregs[REG_RBP];
#elif defined(__aarch64__)
  uintptr_t pc = machine->pc, fp = machine->regs[29];
#else
#error "which registers are program counter and frame pointer?"
#endif
  platform_faults++;
  // Does not return if the fault is a guest's.
  on_trap(pc, fp, number == SIGSEGV || number == SIGBUS, (uintptr_t)info->si_addr);
  // A fault of the host's own, for who handled them before. If nobody did it happens again, and ends the process.
  size_t i = 0;
  while (numbers[i] != number) i++;
  if (before[i].sa_flags & SA_SIGINFO)
    before[i].sa_sigaction(number, info, context);
  else if (before[i].sa_handler == SIG_DFL || before[i].sa_handler == SIG_IGN)
    sigaction(number, &before[i], NULL);
  else
    before[i].sa_handler(number);
}

EXPORTED int32_t wasmtime_init_traps(wasmtime_trap_handler_t handler) {
  on_trap = handler;
  // The handler is left without returning, so that its signal must not stay blocked. Threads may have a stack for signals: a host
  // handles overflows of its own there.
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < NUMBERS; i++)
    if (sigaction(numbers[i], &action, &before[i]) != 0) return errno;
  return 0;
}

#endif // WASMTIME_NATIVE_SIGNALS

#ifdef WASMTIME_CUSTOM_SYNC

#include <pthread.h>

// A lock is a word that is 0 at first; what it stands for is made when it is first used.

static void *first_use(uintptr_t *lock, size_t size, int (*init)(void *), int (*destroy)(void *)) {
  uintptr_t found = __atomic_load_n(lock, __ATOMIC_ACQUIRE);
  if (found != 0) return (void *)found;
  void *made = malloc(size);
  if (made == NULL || init(made) != 0) abort();
  if (__atomic_compare_exchange_n(lock, &found, (uintptr_t)made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return made;
  // Another thread was faster.
  destroy(made);
  free(made);
  return (void *)found;
}

static int mutex_init(void *mutex) { return pthread_mutex_init(mutex, NULL); }
static int mutex_destroy(void *mutex) { return pthread_mutex_destroy(mutex); }
static int rwlock_init(void *rwlock) { return pthread_rwlock_init(rwlock, NULL); }
static int rwlock_destroy(void *rwlock) { return pthread_rwlock_destroy(rwlock); }

static pthread_mutex_t *mutex(uintptr_t *lock) {
  return first_use(lock, sizeof(pthread_mutex_t), mutex_init, mutex_destroy);
}
static pthread_rwlock_t *rwlock(uintptr_t *lock) {
  return first_use(lock, sizeof(pthread_rwlock_t), rwlock_init, rwlock_destroy);
}

// To go on without a lock would be worse than to end.
static void must(int status) {
  if (status != 0) abort();
}

EXPORTED void wasmtime_sync_lock_acquire(uintptr_t *lock) { must(pthread_mutex_lock(mutex(lock))); }
EXPORTED void wasmtime_sync_lock_release(uintptr_t *lock) { must(pthread_mutex_unlock(mutex(lock))); }
EXPORTED void wasmtime_sync_lock_free(uintptr_t *lock) {
  if (*lock == 0) return;
  must(mutex_destroy((void *)*lock));
  free((void *)*lock);
  *lock = 0;
}

EXPORTED void wasmtime_sync_rwlock_read(uintptr_t *lock) { must(pthread_rwlock_rdlock(rwlock(lock))); }
EXPORTED void wasmtime_sync_rwlock_read_release(uintptr_t *lock) { must(pthread_rwlock_unlock(rwlock(lock))); }
EXPORTED void wasmtime_sync_rwlock_write(uintptr_t *lock) { must(pthread_rwlock_wrlock(rwlock(lock))); }
EXPORTED void wasmtime_sync_rwlock_write_release(uintptr_t *lock) { must(pthread_rwlock_unlock(rwlock(lock))); }
EXPORTED void wasmtime_sync_rwlock_free(uintptr_t *lock) {
  if (*lock == 0) return;
  must(rwlock_destroy((void *)*lock));
  free((void *)*lock);
  *lock = 0;
}

#endif // WASMTIME_CUSTOM_SYNC

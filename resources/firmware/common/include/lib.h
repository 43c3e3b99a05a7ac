/* The freestanding library of all images: strings, formatted output, assertions, spinlocks. */
#ifndef LIB_H
#define LIB_H

#include "bytes.h"

int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);

/*
 * Formats: %s %c %d %u %x %X %p %%, with '-', '0', a width and the length l, ll or z.
 * Returns the length the whole text has; at most size - 1 characters and a NUL are stored.
 */
int vsnprintf(char *to, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes one whole message to the image's console under a lock, so that cores' lines do not mix. */
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprintf(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

NORETURN void panic_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Supplied by each image: says where and what, then stops. */
NORETURN void panic_end(const char *file, int line, const char *text);

#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define assert(condition) \
  do { \
    if (!(condition)) \
      panic("assertion failed: %s", #condition); \
  } while (0)

typedef struct {
  u32 held;
} spinlock;

static inline bool spin_try(spinlock *lock) {
  u32 expected = 0;
  return __atomic_compare_exchange_n(&lock->held, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void spin_lock(spinlock *lock) {
  while (!spin_try(lock))
    __asm__ volatile("yield");
}

static inline void spin_unlock(spinlock *lock) {
  __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

#endif

/* Tests in a guest: a line for each check, a summary at the end. */
#ifndef TEST_H
#define TEST_H

#include "guest.h"

/* The heading of the lines that follow. */
void test_start(const char *suite, const char *name);
void report(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void summary(void);
/* True if the command line names this test, or none at all (`all` does, too). */
bool wanted(const char *name);
/* A decimal number after NAME= on the command line; false: it is not there. */
bool argument(const char *name, u64 *value);

struct test {
  const char *name;
  void (*run)(void);
};
/* Runs those of the tests that are wanted. */
void tests_run(const char *suite, const struct test *tests, u32 count);

#endif

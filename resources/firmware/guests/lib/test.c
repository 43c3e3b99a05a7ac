#include "test.h"

static const char *suite_name, *test_name;
static u32 passed, failed, skipped;
static spinlock lock;

void test_start(const char *suite, const char *name) {
  suite_name = suite;
  test_name = name;
}

static void line(const char *kind, const char *format, va_list arguments) {
  char text[160];
  vsnprintf(text, sizeof text, format, arguments);
  printf("%s: %s: %s: %s\n", kind, suite_name, test_name, text);
}

void report(bool good, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  spin_lock(&lock);
  *(good ? &passed : &failed) += 1;
  spin_unlock(&lock);
  line(good ? "PASS" : "FAIL", format, arguments);
  va_end(arguments);
}

void skip(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  skipped++;
  line("SKIP", format, arguments);
  va_end(arguments);
}

void info(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  line("INFO", format, arguments);
  va_end(arguments);
}

void summary(void) {
  printf("SUMMARY: %u tests", passed + failed + skipped);
  if (failed)
    printf(", %u unexpected failures", failed);
  if (skipped)
    printf(", %u skipped", skipped);
  printf("\n");
}

/* What follows the word on the command line. */
static const char *find(const char *name) {
  size_t length = strlen(name);
  for (const char *at = guest.arguments; *at;) {
    if (strncmp(at, name, length) == 0 && (at[length] == 0 || at[length] == ' ' || at[length] == '='))
      return at + length;
    while (*at && *at != ' ')
      at++;
    while (*at == ' ')
      at++;
  }
  return NULL;
}

bool argument(const char *name, u64 *value) {
  const char *at = find(name);
  if (!at || *at != '=')
    return false;
  *value = 0;
  for (at++; *at >= '0' && *at <= '9'; at++)
    *value = *value * 10 + (u64)(*at - '0');
  return true;
}

static bool word(const char *name) {
  const char *at = find(name);
  return at && *at != '=';
}

bool wanted(const char *name) {
  return word(name) || word("all");
}

void tests_run(const char *suite, const struct test *tests, u32 count) {
  bool named = word("all");
  for (u32 i = 0; i < count; i++)
    named |= wanted(tests[i].name);
  for (u32 i = 0; i < count; i++)
    if (!named || wanted(tests[i].name)) {
      test_start(suite, tests[i].name);
      tests[i].run();
    }
  summary();
}

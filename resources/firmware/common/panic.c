#include "lib.h"

void panic_at(const char *file, int line, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  panic_end(file, line, text);
}

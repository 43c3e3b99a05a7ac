/* Formatted output into a buffer. */
#include "lib.h"

struct output {
  char *to;
  size_t size;
  size_t length;
};

static void emit(struct output *output, char character) {
  if (output->length + 1 < output->size)
    output->to[output->length] = character;
  output->length++;
}

static void emit_padded(struct output *output, const char *text, size_t length, int width, bool left, char pad) {
  int missing = width - (int)length;
  if (!left)
    for (; missing > 0; missing--)
      emit(output, pad);
  for (size_t i = 0; i < length; i++)
    emit(output, text[i]);
  for (; missing > 0; missing--)
    emit(output, ' ');
}

/* Writes the digits of value so that they end at end; returns where they start. */
static char *digits(char *end, u64 value, unsigned base, bool upper) {
  const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  do {
    *--end = set[value % base];
    value /= base;
  } while (value);
  return end;
}

int vsnprintf(char *to, size_t size, const char *format, va_list arguments) {
  struct output output = {to, size, 0};
  for (; *format; format++) {
    if (*format != '%') {
      emit(&output, *format);
      continue;
    }
    bool left = false;
    char pad = ' ';
    int width = 0;
    int longs = 0;
    for (format++; *format == '-' || *format == '0'; format++) {
      if (*format == '-')
        left = true;
      else
        pad = '0';
    }
    if (*format == '*') {
      width = va_arg(arguments, int);
      format++;
    }
    for (; *format >= '0' && *format <= '9'; format++)
      width = width * 10 + (*format - '0');
    for (; *format == 'l' || *format == 'z'; format++)
      longs++;
    char buffer[24];
    char *end = buffer + sizeof buffer;
    char *start = end;
    switch (*format) {
    case 's': {
      const char *text = va_arg(arguments, const char *);
      emit_padded(&output, text, strlen(text), width, left, ' ');
      continue;
    }
    case 'c':
      *--start = (char)va_arg(arguments, int);
      break;
    case 'd': {
      s64 value = longs ? va_arg(arguments, s64) : va_arg(arguments, int);
      start = digits(end, value < 0 ? -(u64)value : (u64)value, 10, false);
      if (value < 0)
        *--start = '-';
      break;
    }
    case 'u':
    case 'x':
    case 'X': {
      u64 value = longs ? va_arg(arguments, u64) : va_arg(arguments, unsigned);
      start = digits(end, value, *format == 'u' ? 10 : 16, *format == 'X');
      break;
    }
    case 'p':
      start = digits(end, (u64)(uintptr_t)va_arg(arguments, void *), 16, false);
      *--start = 'x';
      *--start = '0';
      break;
    case '%':
      *--start = '%';
      break;
    default:
      /* An unknown conversion shows itself; a format that ends within one ends the text. */
      if (!*format)
        format--;
      else
        *--start = *format;
      break;
    }
    emit_padded(&output, start, (size_t)(end - start), width, left, pad);
  }
  if (size)
    to[MIN(output.length, size - 1)] = 0;
  return (int)output.length;
}

int snprintf(char *to, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(to, size, format, arguments);
  va_end(arguments);
  return length;
}

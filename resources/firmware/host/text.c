#include "host.h"

const char *text_find(const char *text, const char *part) {
  size_t length = strlen(part);
  for (; *text; text++)
    if (strncmp(text, part, length) == 0)
      return text;
  return NULL;
}

const char *text_find_last(const char *text, char character) {
  const char *found = NULL;
  for (; *text; text++)
    if (*text == character)
      found = text;
  return found;
}

static int digit(char character) {
  if (character >= '0' && character <= '9')
    return character - '0';
  character |= 0x20;
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : 99;
}

bool text_number(const char *text, u64 *value, const char **end) {
  int base = 10;
  if (text[0] == '0' && (text[1] | 0x20) == 'x') {
    base = 16;
    text += 2;
  }
  if (digit(*text) >= base)
    return false;
  u64 number = 0;
  for (; digit(*text) < base; text++)
    number = number * (u64)base + (u64)digit(*text);
  *value = number;
  if (end)
    *end = text;
  return end || !*text;
}

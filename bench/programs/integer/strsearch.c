// SPDX-License-Identifier: Apache-2.0
// Searching a text: byte by byte, Horspool's skipping, Rabin-Karp's rolling hash, and a small wildcard matcher.
#include "../rt/rt.h"

const char bench_name[] = "strsearch";
const u32 bench_rounds = 3800;

#define SIZE 32768

static char text[SIZE + 1];
static const char *const words[] = {"harbour ", "trireme ", "oar ",   "bronze ", "wind ", "of ",   "the ",  "and ",
                                    "rowers ",  "a ",       "sail. ", "deck ",   "ram ",  "tide ", "helm ", "rope "};
static const char *const needles[] = {"rope helm tide", "bronze trireme", "sail. of the", "and and and", "zeugitai",
                                      "harbour wind"};
static const char *const patterns[] = {"*b?onze *", "*t*d*e ram o?r*", "*sail. *deck*rope helm*", "*zeug*"};

static u32 length(const char *s) {
  u32 count = 0;
  while (s[count])
    count++;
  return count;
}

void bench_setup(void) {
  u64 seed = 0x7e27;
  for (u32 at = 0; at < SIZE;)
    for (const char *word = words[next_random(&seed) % COUNT(words)]; *word && at < SIZE; word++)
      text[at++] = *word;
}

static NOINLINE u32 plain(const char *needle) {
  u32 found = 0;
  for (const char *at = text; *at; at++) {
    u32 i = 0;
    while (needle[i] && at[i] == needle[i])
      i++;
    if (!needle[i])
      found += (u32)(at - text) + 1;
  }
  return found;
}

static NOINLINE u32 skipping(const char *needle) {
  u8 skip[256];
  u32 size = length(needle), found = 0;
  memset(skip, (int)size, sizeof(skip));
  for (u32 i = 0; i + 1 < size; i++)
    skip[(u8)needle[i]] = (u8)(size - 1 - i);
  for (u32 at = 0; at + size <= SIZE; at += skip[(u8)text[at + size - 1]]) {
    u32 i = size;
    while (i > 0 && text[at + i - 1] == needle[i - 1])
      i--;
    if (i == 0)
      found += at + 1;
  }
  return found;
}

static NOINLINE u32 rolling(const char *needle) {
  u32 size = length(needle), wanted = 0, hash = 0, power = 1, found = 0;
  for (u32 i = 0; i < size; i++) {
    wanted = wanted * 257 + (u8)needle[i];
    hash = hash * 257 + (u8)text[i];
    power = i ? power * 257 : 1;
  }
  for (u32 at = 0;; at++) {
    if (hash == wanted && memcmp(text + at, needle, size) == 0)
      found += at + 1;
    if (at + size >= SIZE)
      return found;
    hash = (hash - (u8)text[at] * power) * 257 + (u8)text[at + size];
  }
}

// '*' any run, '?' any byte; goes back to the last star on a mismatch.
static NOINLINE u32 matches(const char *s, const char *end, const char *pattern) {
  const char *star = NULL, *resume = s;
  while (s < end) {
    if (*pattern == '*') {
      star = pattern++;
      resume = s;
    } else if (*pattern && (*pattern == '?' || *pattern == *s)) {
      pattern++;
      s++;
    } else if (star) {
      pattern = star + 1;
      s = ++resume;
    } else {
      return 0;
    }
  }
  while (*pattern == '*')
    pattern++;
  return !*pattern;
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  for (u32 round = 0; round < rounds; round++) {
    const char *needle = needles[round % COUNT(needles)];
    u32 found = plain(needle);
    if (skipping(needle) != found || rolling(needle) != found)
      die("the searches differ");
    hash = mix(hash, found);
    const char *pattern = patterns[round % COUNT(patterns)];
    for (u32 at = 0; at < SIZE; at += 512)
      hash += matches(text + at, text + at + 512, pattern);
  }
  return hash;
}

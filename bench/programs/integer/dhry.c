// SPDX-License-Identifier: Apache-2.0
// A mix like that of systems programs: records copied and linked, strings compared and copied, calls with values and
// pointers, array updates, switches, integer multiplication and division.
#include "../rt/rt.h"

const char bench_name[] = "dhry";
const u32 bench_rounds = 5600000;

enum kind { PLAIN, URGENT, LATE, CLOSED };

struct order {
  struct order *next;
  enum kind kind;
  i32 amount;
  i32 price;
  char label[32];
};

static struct order current, spare;
static i32 totals[64];
static i32 grid[32][32];
static i32 balance;
static char mark;

static NOINLINE int compare(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return (u8)*a - (u8)*b;
}

static NOINLINE void copy(char *to, const char *from) {
  while ((*to++ = *from++)) {
  }
}

static NOINLINE enum kind classify(i32 amount, char letter) {
  switch (letter) {
  case 'A':
    return amount > 40 ? URGENT : PLAIN;
  case 'B':
    return amount & 1 ? LATE : PLAIN;
  case 'C':
    return CLOSED;
  default:
    return amount < 10 ? LATE : URGENT;
  }
}

static NOINLINE void raise(i32 by, i32 *price) {
  *price += by + 2;
  if (mark == 'A')
    *price -= 1;
}

static NOINLINE void update(i32 *row, i32 (*table)[32], i32 at, i32 value) {
  i32 place = at + 5;
  row[place] = value;
  row[place + 1] = row[place];
  row[place + 20] = place;
  for (i32 i = place; i <= place + 1; i++)
    table[place][i] = place;
  table[place][place - 1] += 1;
  table[place + 6][place] = row[place];
  balance += row[place + 20];
}

static NOINLINE void follow(struct order *order) {
  struct order *next = order->next;
  *next = *order;
  next->amount = order->amount + 3;
  next->next = order;
  raise(next->amount, &next->price);
  if (next->kind == PLAIN) {
    next->amount = 6;
    next->kind = classify(order->price & 63, 'B');
  } else {
    order->price = next->price % 1000;
  }
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  balance = 0;
  current.next = &spare;
  current.kind = PLAIN;
  current.amount = 40;
  current.price = 7;
  copy(current.label, "an order that was placed first");
  for (u32 round = 0; round < rounds; round++) {
    char label[32];
    mark = (char)('A' + (round & 3));
    copy(label, round & 1 ? "an order that was placed later" : "an order that was placed first");
    if (compare(label, current.label) > 0)
      current.amount = (i32)(round & 63);
    enum kind kind = classify(current.amount, mark);
    current.next = &spare;
    current.kind = kind;
    i32 a = (i32)(round & 15), b = a * 5 - 3, c = 0;
    while (a < b && c < 3) {
      c += 1;
      raise(c, &b);
      b -= 7;
    }
    update(totals, grid, (i32)(round & 15), b + c);
    follow(&current);
    for (char letter = 'A'; letter <= mark; letter++)
      if (kind == classify(current.amount, letter))
        balance += 1;
    b = b * a + 7;
    a = b / (c + 1);
    current.amount = 7 * (b - a) - current.price;
    hash = hash * 31 + (u64)(i64)(a + balance);
  }
  return mix(hash, (u64)(i64)(current.amount + spare.price + grid[9][8]));
}

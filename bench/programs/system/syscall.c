// SPDX-License-Identifier: Apache-2.0
// System calls: code at EL0 with pages of its own calls EL1, which saves everything, dispatches and returns.
#include "../rt/rt.h"

const char bench_name[] = "syscall";
const u32 bench_rounds = 750000;

#define USER_CODE 0x48000000UL // .user, see link.ld
#define USER_DATA 0x48200000UL
#define USER_STACK (USER_DATA + 0x10000)

u64 enter_user(u64 argument, u64 entry, u64 stack);
extern char service_vectors[];

static u64 calls, position;
static u8 file[4096];

static u64 call_number(struct frame *frame) {
  (void)frame;
  return calls;
}

static u64 call_add(struct frame *frame) {
  return frame->x[0] + frame->x[1] * 3;
}

static u64 call_write(struct frame *frame) {
  const u8 *from = (const u8 *)frame->x[0];
  u64 size = frame->x[1];
  if (from < (const u8 *)USER_DATA || size > 256)
    return -1UL;
  for (u64 i = 0; i < size; i++)
    file[position++ & 4095] = from[i];
  return size;
}

static u64 call_read(struct frame *frame) {
  u8 *to = (u8 *)frame->x[0];
  u64 size = frame->x[1];
  for (u64 i = 0; i < size; i++)
    to[i] = file[(position - size + i) & 4095];
  return size;
}

static u64 (*const table[])(struct frame *) = {NULL, call_number, call_add, call_write, call_read};

void dispatch(struct frame *frame) {
  u64 number = frame->x[8];
  calls++;
  frame->x[0] = number < COUNT(table) ? table[number](frame) : -38UL;
}

#define USER __attribute__((section(".user"), noinline))

static inline __attribute__((always_inline)) u64 call(u64 number, u64 a, u64 b) {
  register u64 x8 __asm__("x8") = number;
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
  return x0;
}

USER static void user_main(u64 rounds) {
  u8 *buffer = (u8 *)USER_DATA;
  u64 sum = 1;
  for (u64 round = 0; round < rounds; round++) {
    sum += call(1, 0, 0);
    sum = call(2, sum, round);
    sum ^= call(2, round, sum >> 3);
    sum += call(99, 0, 0);
    if ((round & 7) == 0) {
      for (u32 i = 0; i < 24; i++)
        buffer[i] = (u8)(sum >> (i & 7));
      sum += call(3, (u64)buffer, 24);
      call(4, (u64)buffer + 64, 16);
      sum = sum * 31 + buffer[64 + (round >> 3 & 15)];
    }
  }
  for (;;)
    call(0, sum, 0);
}

void bench_setup(void) {
  set_entry(&kernel_l2[(USER_CODE - RAM_BASE) >> 21], USER_CODE | PTE_RAM | PTE_EL0 | PTE_RO | PTE_PXN);
  set_entry(&kernel_l2[(USER_DATA - RAM_BASE) >> 21], USER_DATA | PTE_RAM | PTE_EL0 | PTE_PXN | PTE_UXN);
  __asm__ volatile("msr vbar_el1, %0\n isb" ::"r"(service_vectors));
}

u64 bench_run(u32 rounds) {
  calls = position = 0;
  memset(file, 0, sizeof(file));
  u64 sum = enter_user(rounds, (u64)user_main, USER_STACK);
  return mix(mix(sum, calls), position);
}

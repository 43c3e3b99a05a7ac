// SPDX-License-Identifier: Apache-2.0
// What the test guests share: start, console, semihosting, PSCI. MMU off, general registers only.
#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define UART(offset) (*(volatile u32 *)(0x09000000UL + (offset)))
// The machine `virt`: distributor; a core's redistributor, and its page for SGIs and PPIs.
#define GICD(offset) (*(volatile u32 *)(0x08000000UL + (offset)))
#define GICR(core, offset) (*(volatile u32 *)(0x080a0000UL + ((u64)(core) << 17) + (offset)))
#define SGI(core, offset) GICR(core, 0x10000 + (offset))
#define SGI8(core, offset) (*(volatile u8 *)(0x080b0000UL + ((u64)(core) << 17) + (offset)))

#define READ(name)                                                                                                     \
  ({                                                                                                                   \
    u64 value_;                                                                                                        \
    __asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                                                       \
    value_;                                                                                                            \
  })
#define WRITE(name, v) __asm__ volatile("msr " #name ", %0\n isb" ::"r"((u64)(v)) : "memory")

void main(void);
void secondary(u64 context);

// Core 0 starts with the last stack; a core that CPU_ON starts with X0 = n has the nth.
__asm__(".section .text.start, \"ax\"\n"
        ".global _start, start_secondary\n"
        "_start:\n"
        "  adrp x1, stacks\n"
        "  add x1, x1, :lo12:stacks\n"
        "  add x1, x1, #0x8000\n"
        "  mov sp, x1\n"
        "  bl main\n"
        "  mov x0, #0\n"
        "  bl leave\n"
        "start_secondary:\n"
        "  adrp x1, stacks\n"
        "  add x1, x1, :lo12:stacks\n"
        "  add x1, x1, x0, lsl #12\n"
        "  mov sp, x1\n"
        "  bl secondary\n"
        "1: wfi\n"
        "  b 1b\n"
        "  .section .bss.stacks, \"aw\", %nobits\n"
        "  .balign 16\n"
        "stacks: .skip 0x8000\n"
        "  .text\n");
void start_secondary(void);

static inline u64 semihost(u64 operation, const volatile void *argument) {
  register u64 x0 __asm__("x0") = operation;
  register const volatile void *x1 __asm__("x1") = argument;
  __asm__ volatile("hlt #0xf000" : "+r"(x0), "+r"(x1)::"memory");
  return x0;
}

static inline u64 psci(u64 function, u64 a, u64 b, u64 c) {
  register u64 x0 __asm__("x0") = function;
  register u64 x1 __asm__("x1") = a;
  register u64 x2 __asm__("x2") = b;
  register u64 x3 __asm__("x3") = c;
#ifdef PSCI_SMC
  __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
#else
  __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
#endif
  return x0;
}

// Semihosting SYS_EXIT.
void leave(u64 status) {
  volatile u64 block[2] = {0x20026, status};
  for (;;)
    semihost(0x18, block);
}

static inline void put(char c) {
  while (UART(0x18) & 0x20) {
  }
  UART(0) = (u8)c;
}
static inline void puts(const char *s) {
  while (*s) {
    if (*s == '\n')
      put('\r');
    put(*s++);
  }
}
static inline void put_number(u64 n) {
  char digits[20];
  int count = 0;
  do
    digits[count++] = (char)('0' + n % 10);
  while (n /= 10);
  while (count)
    put(digits[--count]);
}
static inline void say(const char *what, u64 v) {
  puts(what);
  puts(" ");
  put_number(v);
  puts("\n");
}
static inline void put_hex(u64 n) {
  int shift = 60;
  while (shift && !(n >> shift & 15))
    shift -= 4;
  for (; shift >= 0; shift -= 4)
    put("0123456789abcdef"[n >> shift & 15]);
}
static inline void say_hex(const char *what, u64 v) {
  puts(what);
  puts(" 0x");
  put_hex(v);
  puts("\n");
}
static inline int get(void) {
  while (UART(0x18) & 0x10) {
  }
  return (int)(UART(0) & 0xff);
}
// Machines with EL3 may start all cores: only the first one comes back, with its exception level.
static inline u64 first_core(void) {
  while (READ(mpidr_el1) & 0xff)
    __asm__ volatile("wfi");
  return READ(CurrentEL) >> 2;
}
// A core's redistributor wakes up; its SGIs and PPIs are in group 1.
static inline void gic_wake(u64 core) {
  GICR(core, 0x14) = 0;
  while (GICR(core, 0x14) & 4) {
  }
  SGI(core, 0x80) = 0xffffffff;
}
// The first core's, and the distributor: both groups on, with affinity routing; at EL3 in both security states.
static inline void gic_start(u64 level) {
  gic_wake(0);
  GICD(0) = level == 3 ? 0x37 : 0x13;
}
static inline u64 length(const char *s) {
  u64 n = 0;
  while (s[n])
    n++;
  return n;
}

#endif

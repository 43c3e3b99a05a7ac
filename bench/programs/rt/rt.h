// SPDX-License-Identifier: Apache-2.0
// The runtime of the benchmark programs: no libc, one header.
#ifndef RT_H
#define RT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed int i32;
typedef signed long i64;

#define NULL ((void *)0)
#define NOINLINE __attribute__((noinline))
#define ALIGNED(n) __attribute__((aligned(n)))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// What each program provides. bench_run does `rounds` units of work and returns a checksum of the results; main.c
// calls it once with a tenth of bench_rounds to warm up, then once with all of them between two clock readings.
extern const char bench_name[];
extern const u32 bench_rounds;
void bench_setup(void);
u64 bench_run(u32 rounds);

// console.c
void put_char(char c);
void put_str(const char *s);
void put_hex(u64 value);
void put_dec(u64 value);
void report_result(const char *name, u64 checksum);
void report_time(const char *name, u64 ticks);
void die(const char *why) __attribute__((noreturn));
void sys_exit(int code) __attribute__((noreturn));

// mem.c
void *memcpy(void *to, const void *from, u64 size);
void *memmove(void *to, const void *from, u64 size);
void *memset(void *to, int byte, u64 size);
int memcmp(const void *a, const void *b, u64 size);

// mmu.c: RAM is 0x40000000..0x5fffffff, mapped one to one in 2 MB blocks; the first GB is device memory.
#define RAM_BASE 0x40000000UL
#define RAM_SIZE 0x20000000UL
#define HEAP_BASE 0x44000000UL // nothing is loaded from here on (except .user at 0x48000000)
#define PTE_VALID 1UL
#define PTE_TABLE 3UL // a table at levels 0-2, a page at level 3
#define PTE_NORMAL (0UL << 2)
#define PTE_DEVICE (1UL << 2)
#define PTE_EL0 (1UL << 6) // AP[1]; RES1 where there is no EL0
#define PTE_RO (1UL << 7)
#define PTE_SHARED (3UL << 8)
#define PTE_AF (1UL << 10)
#define PTE_NG (1UL << 11)
#define PTE_PXN (1UL << 53)
#define PTE_UXN (1UL << 54)
#define PTE_RAM (PTE_VALID | PTE_NORMAL | PTE_SHARED | PTE_AF)
#define PAGE_RAM (PTE_TABLE | PTE_NORMAL | PTE_SHARED | PTE_AF)
#define MAIR_VALUE 0x00ffUL // 0: normal write-back, 1: device nGnRnE
#define TCR_EL1_VALUE (25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | 1UL << 23 | 2UL << 32) // 39 bits, 4 KB, no TTBR1
#define SCTLR_MMU_ON 0x1005UL // M, C, I
extern u64 kernel_l1[512];
extern u64 kernel_l2[512];
void fill_tables(u64 *l1, u64 *l2, u64 extra);
// Break before make; `slot` is an entry of the tables that EL1 uses.
void set_entry(u64 *slot, u64 value);

// frame.h: what its macros save.
struct frame {
  u64 x[31], elr, spsr, unused;
};

// crt0.S
extern char vectors[];
void secondary_entry(void);
void secondary_main(void);

static inline u64 ticks(void) {
  u64 value;
  __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(value)::"memory");
  return value;
}

static inline u64 mix(u64 hash, u64 value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15UL;
  return hash ^ hash >> 29;
}

static inline u64 next_random(u64 *state) {
  u64 x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  *state = x;
  return x;
}

#endif

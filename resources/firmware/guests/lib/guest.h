/* What all guests use: they run the same as a realm (R-EL1) and as a normal virtual machine (NS-EL1). */
#ifndef GUEST_H
#define GUEST_H

#include "arch.h"
#include "layout.h"
#include "lib.h"
#include "rmi.h"
#include "smccc.h"

#define GUEST_VERSION "1.0"

struct guest {
  bool realm;
  /* RSI versions that RMM speaks. */
  u64 rsi_lowest, rsi_highest;
  /* In a realm: the bit of an address that names memory shared with the host; else 0. */
  u64 shared;
  u64 memory_base, memory_size;
  u32 cpus;
  u64 uart, distributor, redistributors;
  u32 uart_intid;
  /* What lkvm was given besides: 0 where there is none. The disk: its virtio registers. */
  u64 ramdisk, ramdisk_size, disk;
  char arguments[256];
};
extern struct guest guest;
extern const char guest_secret[];
extern u8 __image_start[], __file_end[], __image_end[];

/* Supplied by each program. The machine is powered off when it returns. */
void guest_main(void);

static inline u32 cpu_index(void) {
  return (u32)read_sysreg(tpidr_el1);
}

/* mmu.c: memory 1:1, what is shared and devices at their addresses with the shared bit, and an alias for EL0. */
void mmu_init(void);
void mmu_on(void);
#define USER_ALIAS 0x2000000000UL

/* exception.c */
struct frame {
  u64 x[31];
  u64 pc, pstate, esr, far, unused;
};
static_assert(sizeof(struct frame) == FRAME_SIZE, "start.S saves a frame");
/* The next synchronous exception on this core is expected: its instruction is stepped over. */
void exception_expect(void);
/* ESR of the expected exception, or 0 if none came. */
u64 exception_taken(u64 *far);
#define ESR_CLASS(esr) FIELD(esr, 31, 26)
enum { EC_UNKNOWN = 0x00, EC_SVC = 0x15, EC_IABORT = 0x21, EC_DABORT = 0x25 };
void irq_handle(void);

/* console.c: the 16550. */
void console_init_guest(void);
void console_input_on(void);
/* The next character typed, or -1. */
int console_get(void);
/* A line with echo; waits. */
void console_line(char *line, u32 size);

/* gic.c */
void gic_init(void);
void gic_init_cpu(void);
void gic_enable(u32 intid, bool on);
void gic_priority(u32 intid, u8 priority);
void gic_pend(u32 intid);
u32 gic_distributor(u32 offset);
u32 gic_redistributor(u32 cpu, u32 offset);
void gic_write(u32 cpu, u32 offset, u32 value);
/* To one core, or to all others (cpu == SGI_OTHERS). */
#define SGI_OTHERS (~0U)
void gic_sgi(u32 intid, u32 cpu);
static inline void irqs_on(void) {
  __asm__ volatile("msr daifclr, #2" : : : "memory");
}
static inline void irqs_off(void) {
  __asm__ volatile("msr daifset, #2" : : : "memory");
}
/* Called with an interrupt active on this core; NULL: it is only counted. */
typedef void irq_handler(u32 intid);
void irq_on(u32 intid, irq_handler *handler);
u32 irq_count(u32 cpu, u32 intid);
#define GUEST_INTIDS 64
enum { INTID_VIRTUAL_TIMER = 27, INTID_PHYSICAL_TIMER = 30 };

/* cpu.c: PSCI by SMC. */
u64 psci(u32 function, u64 a, u64 b, u64 c);
NORETURN void guest_power_off(void);
/* Starts a core at function(argument); the status of CPU_ON. The core turns itself off when it returns. */
u64 cpu_start(u32 cpu, void (*function)(void));
/* The function has returned and the core is off. */
bool cpu_wait_off(u32 cpu);
/* Waits until condition holds, at most 20 seconds: cores of the host may be few and busy. */
#define wait_for(condition) \
  ({ \
    u64 end_ = counter() + 20 * read_sysreg(cntfrq_el0); \
    while (!(condition) && counter() < end_) \
      __asm__ volatile("yield"); \
    (bool)(condition); \
  })
static inline u64 counter(void) {
  isb();
  return read_sysreg(cntvct_el0);
}

/* rsi.c */
u64 rsi(u32 command, u64 a, u64 b, u64 c, u64 d, struct smc_result *result);
/* An RSI call with x1 - x10, of which x1 - x8 come back. */
u64 rsi_wide(u32 command, u64 x[10]);
u64 rsi_measurement(u32 index, u8 value[64]);
u64 rsi_extend(u32 index, const void *value, u32 size);
u64 rsi_ripas_set(u64 base, u64 top, u32 ripas, u64 flags, u64 *reached, u64 *response);
/* The whole token; 0 if RMM gave none, else its size. */
u64 rsi_token(const u8 challenge[64], u8 *to, u64 size);
/* A page of its own for RMM to write to. */
extern u8 rsi_page[4096];

void print_hex(const u8 *bytes, u32 size);

#endif

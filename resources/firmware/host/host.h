/* The host kernel: EL2, E2H = 0, one address space that maps physical memory 1:1, interrupts polled and never taken. */
#ifndef HOST_H
#define HOST_H

#include "arch.h"
#include "lib.h"

#define HOST_VERSION "1.0"
#define MAX_CPUS 32
#define MAX_BANKS 4
#define MAX_VIRTIO 32

struct range {
  u64 base;
  u64 size;
};

/* What the device tree says. */
struct machine {
  struct range memory[MAX_BANKS];
  u32 memories;
  struct range reserved[8];
  u32 reserveds;
  u64 cpu_mpidr[MAX_CPUS];
  u32 cpus;
  u64 uart;
  u32 uart_intid;
  struct range distributor;
  struct range redistributors;
  struct range virtio[MAX_VIRTIO];
  u32 virtio_intid[MAX_VIRTIO];
  u32 virtios;
  char model[64];
  char bootargs[256];
};
extern struct machine machine;
bool machine_read(const void *tree);

struct task;
struct vcpu;

/* The assembler knows the first member. */
struct cpu {
  u64 idle_sp;
  u32 index;
  u64 mpidr;
  bool online;
  /* In WFI, or about to be: a task made ready must interrupt it. Under the scheduler's lock. */
  bool idle;
  /* Runs a guest: an interrupt brings it back. */
  bool in_guest;
  struct task *current;
  struct task *idle_task;
  struct task *previous;
  u64 redistributor;
  /* A physical timer interrupt that stays off because the guest has been told already; by PPI - 16. */
  u32 masked_ppis;
  u64 interrupts;
};
extern struct cpu cpus[MAX_CPUS];
static inline struct cpu *this_cpu(void) {
  return (struct cpu *)read_sysreg(tpidr_el2);
}

/* Time: the physical counter. */
static inline u64 now(void) {
  isb();
  return read_sysreg(cntpct_el0);
}
#define NEVER (~0UL)
u64 microseconds(u64 count);
u64 uptime_us(void);

/* memory.c: pages of 4 KB, zeroed on request, aligned to the (power of two) count if aligned is set. */
void memory_init(void);
void mmu_enable_cpu(void);
void *pages_alloc(u64 count, u64 align_pages);
void pages_free(void *pages, u64 count);
u64 pages_total(void);
u64 pages_used(void);
void zero(void *memory, u64 size);
void *heap_alloc(size_t size);
void heap_free(void *memory);

/* Accesses that may be refused; false: *esr says how. */
bool probe_read(u64 address, u64 *value, u64 *esr);
bool probe_write(u64 address, u64 value, u64 *esr);

/* gic.c */
void gic_init(void);
void gic_init_cpu(void);
void gic_enable_spi(u32 intid, bool edge);
void gic_ppi_set(u32 intid, bool enabled);
void gic_kick(const struct cpu *cpu);
/* Takes all pending interrupts. */
void irq_poll(void);
#define INTID_MAINTENANCE 25
#define INTID_HYP_TIMER 26
#define INTID_VIRTUAL_TIMER 27
#define INTID_PHYSICAL_TIMER 30

/* The kernel log: shown on the console while the host boots, kept for dmesg. */
void klog(const char *format, ...) __attribute__((format(printf, 1, 2)));
void klog_quiet(void);

NORETURN void power_off(void);
NORETURN void power_reset(void);

static inline void *memdup(const void *from, size_t size) {
  void *to = heap_alloc(size);
  return to ? memcpy(to, from, size) : NULL;
}
static inline char *text_dup(const char *text) {
  return memdup(text, strlen(text) + 1);
}
const char *text_find(const char *text, const char *part);
const char *text_find_last(const char *text, char character);
/* Digits in base 10, 0x… 16; end may be NULL. False: no number. */
bool text_number(const char *text, u64 *value, const char **end);

#endif

/*
 * Where things are on the `virt` machine, and what the device tree says of it.
 * The assembler includes the first part.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "types.h"

#define MAX_CPUS 32
#define FLASH_BASE 0x00000000
#define FLASH_SIZE 0x04000000
#define DEVICES_BASE 0x08000000
#define DEVICES_END 0x0e000000
#define SECURE_RAM_BASE 0x0e000000
#define SECURE_RAM_SIZE 0x01000000
/* The monitor's own image, data and stacks; the rest of secure RAM holds granule protection tables. */
#define MONITOR_SIZE 0x00100000
/* Two words for each core in the monitor's last page: the entry to jump to, and "waits in the pen". */
#define MAILBOX_BASE (SECURE_RAM_BASE + MONITOR_SIZE - 0x1000)
#define DRAM_BASE 0x40000000
#define DEVICE_TREE_BASE DRAM_BASE
#define DEVICE_TREE_LIMIT 0x00100000
#define RMM_BASE 0x40200000
/* An arm64 Image that was loaded here beforehand is run in place of the flash's payload. */
#define PRELOADED_PAYLOAD 0x60000000

#define STACK_SIZE 0x2000

#ifndef __ASSEMBLER__
#define GICD_BASE 0x08000000UL
#define GICR_BASE 0x080a0000UL
#define UART0_BASE 0x09000000UL
/* PL011s that only Trireme has (uarts=4). */
#define UART_RMM_BASE 0x09100000UL
#define UART_MONITOR_BASE 0x09110000UL
#define SECURE_GPIO_BASE 0x090b0000UL

#define MAX_DRAM_BANKS 4

struct memory_bank {
  u64 base;
  u64 size;
};

struct platform {
  struct memory_bank dram[MAX_DRAM_BANKS];
  u32 dram_banks;
  u64 cpu_mpidr[MAX_CPUS];
  u32 cpus;
  /* Consoles: a UART of their own where the machine has one, else the shared one. */
  u64 monitor_console;
  u64 rmm_console;
  /* Registers of fw_cfg, or 0. */
  u64 fw_cfg;
  /* RMM is to log all calls. */
  bool rmm_log_all;
  /* fw_cfg has opt/trireme/inspect: the host may look past granule protection (inspect.c). */
  bool inspectable;
  /* The initial RAM disk of a kernel; size 0: none. */
  struct memory_bank initrd;
  /* RMM's carve-out; its last page is the buffer shared between EL3 and RMM. */
  u64 rmm_size;
};

extern struct platform platform;

static inline u64 rmm_shared_buffer(void) {
  return RMM_BASE + platform.rmm_size - PAGE_SIZE;
}

/* Fills platform from the device tree; false if there is none. */
bool device_tree_read(void);
/* Puts PSCI, the memory RMM has and the consoles taken into the device tree that the normal world gets. */
void device_tree_patch(void);
/* Linear index of a core, or MAX_CPUS. */
u32 cpu_index_of(u64 mpidr);

NORETURN void platform_power_off(void);
NORETURN void platform_reset(void);

void gic_init_distributor(void);
void gic_init_cpu(void);

#define LOG_NOTICE(...) printf("NOTICE:  " __VA_ARGS__)
#define LOG_INFO(...) printf("INFO:    " __VA_ARGS__)
#define LOG_WARN(...) printf("WARNING: " __VA_ARGS__)
#define LOG_ERROR(...) printf("ERROR:   " __VA_ARGS__)
#endif

#endif

/*
 * The firmware's test host, at NS-EL2 in the place of a kernel: drives PSCI and RMI, runs a small realm, and checks each
 * answer. Prints a line for each check, then a summary; powers off.
 */
#include "harness.h"
#include "pl011.h"

/* The virtual timer's interrupt (INTID 27) takes the core out of a realm; the host never acknowledges it. */
static void gic_on(void) {
  volatile u32 *sgi_base = (volatile u32 *)0x080b0000UL;
  sgi_base[0x100 / 4] = BIT(27);
  write_sysreg(SYS_ICC_PMR_EL1, 0xff);
  write_sysreg(SYS_ICC_IGRPEN1_EL1, 1);
  isb();
}

void test_main(u64 device_tree) {
  console_init(UART0);
  mmu_build();
  mmu_on();
  gic_on();
  printf("Firmware tests at EL%lu\n", read_sysreg(currentel) >> 2);
  check("x0: device tree", device_tree, 0x40000000);
  printf("Realm image: 0x%lx to 0x%lx\n", (u64)__realm_start, (u64)__realm_end);
  test_versions();
  test_granules();
  test_cores();
  test_mec();
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  test_realm_create_errors(&realm);
  fill_params(&realm);
  check("REALM_CREATE", create(&realm), RMI_SUCCESS);
  check("REALM_CREATE again", create(&realm), RMI_ERROR_INPUT);
  *(volatile u64 *)shared_page = 0x0123456789abcdef;
  test_tables(&realm);
  test_recs(&realm);
  /* The host's own registers must come back from a realm: SIMD, debug, EL1. */
  write_sysreg(cptr_el2, 0x32ff & ~0x1100UL);
  isb();
  u64 simd;
  __asm__ volatile(".arch_extension fp\n fmov d9, %0" : : "r"(0x4242));
  write_sysreg(dbgbvr0_el1, 0x2000);
  write_sysreg(vbar_el1, 0x3000);
  test_running(&realm);
  __asm__ volatile("fmov %0, d9" : "=r"(simd));
  check("the host's SIMD registers are kept", simd, 0x4242);
  check("the host's breakpoint registers are kept", read_sysreg(dbgbvr0_el1), 0x2000);
  check("the host's EL1 registers are kept", read_sysreg(vbar_el1), 0x3000);
  test_teardown(&realm);
  test_folding();
  test_shapes();
  test_contexts();
  test_services();
  test_memory_states();
  test_exits();
  test_busy();
  printf("%u passed, %u failed\n", passed, failed);
  smc1(PSCI_SYSTEM_OFF, 0);
}

/*
 * The firmware's test host, at NS-EL2 in the place of a kernel: drives PSCI and RMI, runs a small realm, and checks each
 * answer. Prints a line for each check, then a summary; powers off. A fw_cfg file opt/trireme/test with "fuzz SEED COUNT" makes
 * it call RMI at random instead, with "signals" wait for what a debugger does to its realm.
 */
#include "fuzz.h"
#include "fw_cfg.h"
#include "harness.h"
#include "pl011.h"

#define FW_CFG 0x09020000UL
/* The virtual timer's interrupt takes the core out of a realm. */
#define VIRTUAL_TIMER 27

/* The number at text, and where it ends. */
static u64 number(const char **text) {
  u64 value = 0;
  while (**text == ' ')
    (*text)++;
  for (; **text >= '0' && **text <= '9'; (*text)++)
    value = value * 10 + (u64)(**text - '0');
  return value;
}

static void summary(void) {
  printf("%u passed, %u failed\n", passed, failed);
  smc1(PSCI_SYSTEM_OFF, 0);
}

void test_main(u64 device_tree) {
  console_init(UART0);
  mmu_build();
  mmu_on();
  interrupts_on(BIT(VIRTUAL_TIMER));
  printf("Firmware tests at EL%lu\n", read_sysreg(currentel) >> 2);
  char order[64];
  if (fw_cfg_text(FW_CFG, "opt/trireme/test", order, sizeof order)) {
    if (strncmp(order, "fuzz ", 5) == 0) {
      const char *text = order + 5;
      u64 seed = number(&text);
      test_fuzz(seed, number(&text));
    } else if (strcmp(order, "signals") == 0)
      test_signals();
    summary();
  }
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
  test_conditions();
  summary();
}

/*
 * The realm of the tests: R-EL1, MMU off, nothing outside section .realm. It tells the host what it found by host
 * calls: the immediate says which step, the registers carry values.
 */
#include "realm.h"

#define REALM static __attribute__((section(".realm"), noinline))

register u64 exceptions __asm__("x27");
register u64 last_esr __asm__("x28");
register u64 last_interrupt __asm__("x26");

/* Registers that the exception vectors change behind the compiler's back. */
#define LOOK_AGAIN() __asm__ volatile("" : "+r"(exceptions), "+r"(last_esr), "+r"(last_interrupt))

struct call {
  u64 x[11];
};

REALM u64 call(struct call *c) {
  register u64 x0 __asm__("x0") = c->x[0];
  register u64 x1 __asm__("x1") = c->x[1];
  register u64 x2 __asm__("x2") = c->x[2];
  register u64 x3 __asm__("x3") = c->x[3];
  register u64 x4 __asm__("x4") = c->x[4];
  register u64 x5 __asm__("x5") = c->x[5];
  register u64 x6 __asm__("x6") = c->x[6];
  register u64 x7 __asm__("x7") = c->x[7];
  register u64 x8 __asm__("x8") = c->x[8];
  register u64 x9 __asm__("x9") = c->x[9];
  register u64 x10 __asm__("x10") = c->x[10];
  __asm__ volatile("smc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7), "+r"(x8), "+r"(x9), "+r"(x10)
                   :
                   : "memory");
  c->x[0] = x0;
  c->x[1] = x1;
  c->x[2] = x2;
  c->x[3] = x3;
  c->x[4] = x4;
  c->x[5] = x5;
  c->x[6] = x6;
  c->x[7] = x7;
  c->x[8] = x8;
  return x0;
}

REALM u64 call4(struct call *c, u64 function, u64 a, u64 b, u64 d, u64 e) {
  c->x[0] = function;
  c->x[1] = a;
  c->x[2] = b;
  c->x[3] = d;
  c->x[4] = e;
  for (int i = 5; i < 11; i++)
    c->x[i] = 0;
  return call(c);
}

/* Each core has its own host call buffer, in the realm's data page. */
REALM void tell(u64 step, u64 a, u64 b, u64 d) {
  struct call c;
  struct rsi_host_call *host = (struct rsi_host_call *)(REALM_BASE + REALM_DATA + (read_sysreg(mpidr_el1) & 0xff) * 0x100);
  host->imm = (u16)step;
  host->gprs[0] = a;
  host->gprs[1] = b;
  host->gprs[2] = d;
  call4(&c, RSI_FID(RSI_HOST_CALL), (u64)host, 0, 0, 0);
  /* The host's answer: the step again, added to a constant. */
  if (host->gprs[0] != step + HOST_ANSWER)
    for (;;)
      host->gprs[30]++;
}

REALM void second_core(void) {
  tell(STEP_SECOND_CORE, read_sysreg(mpidr_el1), 0, 0);
  struct call c;
  call4(&c, PSCI_CPU_OFF, 0, 0, 0, 0);
}

REALM void services(void) {
  struct call c;
  u64 status = call4(&c, RSI_FID(RSI_VERSION), RMI_ABI_1_0, 0, 0, 0);
  tell(STEP_VERSION, status, c.x[1], c.x[2]);
  status = call4(&c, RSI_FID(RSI_VERSION), 0x20000, 0, 0, 0);
  tell(STEP_VERSION_BAD, status, c.x[1], c.x[2]);
  u64 buffer = REALM_BASE + REALM_BUFFER;
  status = call4(&c, RSI_FID(RSI_REALM_CONFIG), buffer, 0, 0, 0);
  const struct rsi_realm_config *config = (const struct rsi_realm_config *)buffer;
  tell(STEP_CONFIG, status, config->ipa_width, config->hash_algo);
  tell(STEP_RPV, status, *(const u64 *)(const void *)config->rpv, config->rpv[63]);
  status = call4(&c, RSI_FID(RSI_REALM_CONFIG), buffer + 8, 0, 0, 0);
  tell(STEP_CONFIG_UNALIGNED, status, 0, 0);
  status = call4(&c, RSI_FID(RSI_REALM_CONFIG), REALM_UNPROTECTED, 0, 0, 0);
  tell(STEP_CONFIG_UNPROTECTED, status, 0, 0);
  status = call4(&c, RSI_FID(RSI_MEASUREMENT_READ), 0, 0, 0, 0);
  tell(STEP_RIM, status, c.x[1], c.x[4]);
  status = call4(&c, RSI_FID(RSI_MEASUREMENT_READ), 5, 0, 0, 0);
  tell(STEP_MEASUREMENT_BAD, status, call4(&c, RSI_FID(RSI_MEASUREMENT_EXTEND), 0, 64, 0, 0),
       call4(&c, RSI_FID(RSI_MEASUREMENT_EXTEND), 1, 65, 0, 0));
  /* "abc" makes REM 1 the hash of 32 zero bytes and "abc". */
  status = call4(&c, RSI_FID(RSI_MEASUREMENT_EXTEND), 1, 3, 0x636261, 0);
  call4(&c, RSI_FID(RSI_MEASUREMENT_READ), 1, 0, 0, 0);
  tell(STEP_REM, status, c.x[1], c.x[4]);
  status = call4(&c, RSI_FID(RSI_IPA_STATE_GET), REALM_BASE, REALM_BASE + 0x10000000, 0, 0);
  tell(STEP_IPA_GET, status, c.x[1], c.x[2]);
  status = call4(&c, RSI_FID(RSI_IPA_STATE_SET), REALM_EXTRA, REALM_EXTRA + 0x4000, RIPAS_RAM, 0);
  tell(STEP_IPA_SET, status, c.x[1], c.x[2]);
  status = call4(&c, RSI_FID(RSI_IPA_STATE_GET), REALM_EXTRA, REALM_EXTRA + 0x10000, 0, 0);
  tell(STEP_IPA_GET_EXTRA, status, c.x[1], c.x[2]);
  status = call4(&c, RSI_FID(RSI_IPA_STATE_SET), REALM_EXTRA, REALM_EXTRA + 0x1800, RIPAS_RAM, 0);
  tell(STEP_IPA_SET_BAD, status, 0, 0);
  status = call4(&c, 0xc40001ff, 0, 0, 0, 0);
  tell(STEP_UNKNOWN_CALL, status, 0, 0);
  status = call4(&c, PSCI_VERSION, 0, 0, 0, 0);
  tell(STEP_PSCI_VERSION, status, call4(&c, PSCI_FEATURES, PSCI_CPU_ON_64, 0, 0, 0), call4(&c, PSCI_FEATURES, 0x84000099, 0, 0, 0));
}

REALM void memory(void) {
  /* Fresh memory is the host's to supply: the access faults to it, and goes on. It is zero. */
  volatile u64 *extra = (volatile u64 *)REALM_EXTRA;
  u64 before = extra[1];
  extra[1] = 0x1122334455667788;
  tell(STEP_FRESH_MEMORY, before, extra[1], 0);
  /* An access to what was never made RAM is the realm's own fault. */
  u64 count = exceptions;
  (void)*(volatile u64 *)(REALM_EXTRA + 0x8000);
  LOOK_AGAIN();
  tell(STEP_EMPTY_MEMORY, exceptions - count, last_esr, 0);
  /* Beyond the address space. */
  count = exceptions;
  (void)*(volatile u64 *)(1UL << 45);
  LOOK_AGAIN();
  tell(STEP_BEYOND, exceptions - count, last_esr, 0);
  /* A device the host emulates. */
  volatile u32 *device = (volatile u32 *)(REALM_UNPROTECTED + 0x1000);
  device[1] = 0xcafe0001;
  u64 word = device[2];
  u64 byte = (u64)(s64)((volatile signed char *)device)[13];
  tell(STEP_MMIO, word, byte, 0);
  /* Memory shared with the host. */
  volatile u64 *shared = (volatile u64 *)(REALM_UNPROTECTED + REALM_SHARED);
  u64 from_host = shared[0];
  shared[1] = 0x5ea1;
  tell(STEP_SHARED, from_host, 0, 0);
  tell(STEP_LOSE, 0, 0, 0);
  count = exceptions;
  u64 regained = *(volatile u64 *)(REALM_UNPROTECTED + REALM_LOST);
  LOOK_AGAIN();
  tell(STEP_LOST, regained, exceptions - count, 0);
}

REALM void registers(void) {
  u64 count = exceptions;
  u64 pfr0 = read_sysreg(id_aa64pfr0_el1);
  u64 dfr0 = read_sysreg(id_aa64dfr0_el1);
  u64 mmfr3 = read_sysreg(SYS_ID_AA64MMFR3_EL1);
  LOOK_AGAIN();
  tell(STEP_ID, exceptions - count, pfr0, mmfr3 | (dfr0 & 0xf00));
  /* What a realm does not have is undefined: a performance counter register. */
  __asm__ volatile("mrs xzr, pmcr_el0" : "+r"(exceptions), "+r"(last_esr));
  tell(STEP_UNDEFINED, exceptions - count, last_esr, 0);
  __asm__ volatile("hvc #0" : "+r"(exceptions), "+r"(last_esr));
  tell(STEP_HVC, exceptions - count, last_esr, 0);
  write_sysreg(dbgbvr0_el1, 0x1000);
  u64 breakpoint = read_sysreg(dbgbvr0_el1);
  write_sysreg(cpacr_el1, 3UL << 20);
  isb();
  u64 out;
  __asm__ volatile(".arch_extension fp\n fmov d9, %1\n fadd d9, d9, d9\n fmov %0, d9" : "=r"(out) : "r"(0x3ff8000000000000UL));
  tell(STEP_DEBUG_AND_SIMD, breakpoint, out, 0);
  __asm__ volatile(".arch_extension fp\n fmov %0, d9" : "=r"(out));
  tell(STEP_SIMD_KEPT, read_sysreg(dbgbvr0_el1), out, 0);
}

REALM void interrupts(void) {
  write_sysreg(SYS_ICC_SRE_EL1, 7);
  isb();
  write_sysreg(SYS_ICC_PMR_EL1, 0xff);
  write_sysreg(SYS_ICC_IGRPEN1_EL1, 1);
  isb();
  write_sysreg(cntv_tval_el0, 1000);
  write_sysreg(cntv_ctl_el0, 1);
  isb();
  __asm__ volatile("mov x26, xzr\n msr daifclr, #2" : "=r"(last_interrupt));
  for (u64 i = 0; i < 1000000 && last_interrupt == 0; i++)
    __asm__ volatile("wfi" : "+r"(last_interrupt));
  __asm__ volatile("msr daifset, #2" : "+r"(last_interrupt));
  tell(STEP_TIMER, last_interrupt, 0, 0);
  /* A software-generated interrupt: the host has to send it. */
  write_sysreg(S3_0_C12_C11_5, 0x0a000001);
  isb();
  tell(STEP_SGI, 0, 0, 0);
}

REALM void token(void) {
  struct call c = {{RSI_FID(RSI_ATTESTATION_TOKEN_INIT)}};
  for (u64 i = 0; i < 8; i++)
    c.x[1 + i] = 0x0101010101010101 * (i + 1);
  u64 status = call(&c);
  tell(STEP_TOKEN_INIT, status, c.x[1], 0);
  u64 length = 0;
  do {
    status = call4(&c, RSI_FID(RSI_ATTESTATION_TOKEN_CONTINUE), REALM_BASE + REALM_BUFFER, length % 0x1000, 512, 0);
    if (status == RSI_SUCCESS || status == RSI_INCOMPLETE)
      for (u64 i = 0; i < c.x[1]; i += 8)
        tell(STEP_TOKEN_BYTES, MIN(c.x[1] - i, 8UL), *(u64 *)(REALM_BASE + REALM_BUFFER + length + i), 0);
    length += c.x[1];
  } while (status == RSI_INCOMPLETE);
  tell(STEP_TOKEN, status, length, call4(&c, RSI_FID(RSI_ATTESTATION_TOKEN_CONTINUE), REALM_BASE + REALM_BUFFER, 0, 512, 0));
}

REALM void psci(void) {
  struct call c;
  u64 bad = call4(&c, PSCI_CPU_ON_64, 7, REALM_BASE, 0, 0);
  u64 unprotected = call4(&c, PSCI_CPU_ON_64, 1, REALM_UNPROTECTED, 0, 0);
  u64 self = call4(&c, PSCI_CPU_ON_64, 0, REALM_BASE, 0, 0);
  tell(STEP_CPU_ON_BAD, bad, unprotected, self);
  u64 before = call4(&c, PSCI_AFFINITY_INFO_64, 1, 0, 0, 0);
  u64 on = call4(&c, PSCI_CPU_ON_64, 1, REALM_BASE, 0x77, 0);
  u64 again = call4(&c, PSCI_CPU_ON_64, 1, REALM_BASE, 0x77, 0);
  tell(STEP_CPU_ON, before, on, again);
}

REALM void obey(struct call *c, const struct rsi_host_call *order) {
  volatile u64 *at = (volatile u64 *)order->gprs[1];
  switch (order->gprs[0]) {
  case PUPPET_CALL:
    for (int i = 0; i < 11; i++)
      c->x[i] = order->gprs[1 + i];
    call(c);
    break;
  case PUPPET_READ:
    c->x[0] = *at;
    break;
  case PUPPET_WRITE:
    *at = order->gprs[2];
    break;
  case PUPPET_EXECUTE:
    ((void (*)(void))order->gprs[1])();
    break;
  case PUPPET_WFI:
    wfi();
    break;
  case PUPPET_WFE:
    __asm__ volatile("sevl\n wfe\n wfe");
    break;
  case PUPPET_SPIN:
    at[1] = 1;
    while (*at == 0) {
    }
    break;
  }
}

REALM void puppet(void) {
  struct rsi_host_call *host = (struct rsi_host_call *)(REALM_BASE + REALM_DATA + (read_sysreg(mpidr_el1) & 0xff) * 0x100);
  struct call c;
  for (;;) {
    struct call ask;
    LOOK_AGAIN();
    host->imm = STEP_PUPPET;
    for (int i = 0; i < PUPPET_RESULTS; i++)
      host->gprs[i] = c.x[i];
    host->gprs[PUPPET_EXCEPTIONS] = exceptions;
    host->gprs[PUPPET_ESR] = last_esr;
    call4(&ask, RSI_FID(RSI_HOST_CALL), (u64)host, 0, 0, 0);
    obey(&c, host);
  }
}

__attribute__((section(".realm"))) void realm_main(u64 x0) {
  exceptions = 0;
  if (x0 == PUPPET)
    puppet();
  if (read_sysreg(mpidr_el1) & 0xff) {
    second_core();
    return;
  }
  tell(STEP_HELLO, x0, read_sysreg(currentel), read_sysreg(mpidr_el1));
  services();
  memory();
  registers();
  interrupts();
  token();
  psci();
  tell(STEP_BYE, exceptions, 0, 0);
  struct call c;
  call4(&c, PSCI_SYSTEM_OFF, 0, 0, 0, 0);
}

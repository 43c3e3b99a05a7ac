/* Exceptions from below EL3: SMCs, and traps of what EL3 does not let lower levels use. */
#include "arch.h"
#include "lib.h"
#include "monitor.h"
#include "smccc.h"

enum { EC_SMC32 = 0x13, EC_SMC64 = 0x17, EC_SYSTEM_REGISTER = 0x18, EC_SVE = 0x19, EC_FP = 0x07, EC_GPC = 0x1e, EC_SME = 0x1d };

/* System register selectors of SMCCC_ARCH_FEATURE_AVAILABILITY (DEN0028 7.6): the opcode of the EL3 register. */
enum { SELECT_SCR = 0x1e1100, SELECT_CPTR = 0x1e1140, SELECT_MDCR = 0x1e1320 };

u64 feature_availability(const struct cpu *cpu, u64 selector, u64 *bits) {
  switch (selector) {
  case SELECT_SCR:
    *bits = cpu->world[cpu->current].scr & ~(BIT(0) | BIT(62));
    return 0;
  case SELECT_CPTR:
    *bits = read_sysreg(cptr_el3) & (BIT(8) | BIT(12));
    return 0;
  case SELECT_MDCR:
    *bits = 0;
    return 0;
  default:
    *bits = 0;
    return SMC_INVALID_PARAMETER;
  }
}

static void arch_call(struct cpu *cpu, struct frame *frame) {
  u64 *x = frame->x;
  switch ((u32)x[0]) {
  case SMCCC_VERSION:
    x[0] = VERSION_MAKE(1, 5);
    break;
  case SMCCC_ARCH_FEATURES:
    switch ((u32)x[1]) {
    case SMCCC_VERSION:
    case SMCCC_ARCH_FEATURES:
    case SMCCC_ARCH_FEATURE_AVAILABILITY:
    case SMCCC_ARCH_FEATURE_AVAILABILITY_64:
      x[0] = 0;
      break;
    default:
      x[0] = SMC_NOT_SUPPORTED;
    }
    break;
  case SMCCC_ARCH_FEATURE_AVAILABILITY:
  case SMCCC_ARCH_FEATURE_AVAILABILITY_64:
    x[0] = feature_availability(cpu, x[1], &x[1]);
    break;
  case TRIREME_INSPECT:
    /* The host's alone, as RMI. */
    x[0] = FIELD(frame->spsr, 3, 2) == 2 ? inspect(x[1], x[2], x[3], x + 1) : SMC_NOT_SUPPORTED;
    break;
  default:
    x[0] = SMC_NOT_SUPPORTED;
  }
}

static struct frame *handle_smc(struct cpu *cpu, struct frame *frame) {
  u64 from_level = frame->spsr >> 2 & 3;
  if (cpu->current == WORLD_REALM) {
    /* RMM traps its realms' SMCs: what arrives is its own. */
    if (from_level != 2)
      panic("SMC from Realm EL%lu", from_level);
    return rmm_service(cpu, frame);
  }
  u32 function = (u32)frame->x[0];
  if (is_rmi(function)) {
    /* RMI is for the host alone: from its guests' or users' levels the call does not exist. */
    if (from_level == 2)
      return rmi_forward(cpu, frame);
    frame->x[0] = SMC_NOT_SUPPORTED;
  } else if (!psci_call(cpu, frame))
    arch_call(cpu, frame);
  return frame;
}

struct frame *lower_sync(struct frame *frame) {
  struct cpu *cpu = this_cpu();
  u64 esr = read_sysreg(esr_el3);
  switch (FIELD(esr, 31, 26)) {
  case EC_SMC32:
  case EC_SMC64:
    return handle_smc(cpu, frame);
  case EC_SYSTEM_REGISTER:
  case EC_SVE:
  case EC_SME:
  case EC_FP:
    LOG_WARN("%s EL%lu used what EL3 traps: ESR 0x%lx ELR 0x%lx\n", cpu->current == WORLD_REALM ? "Realm" : "Non-secure",
             frame->spsr >> 2 & 3, esr, frame->elr);
    inject_undefined(frame);
    return frame;
  case EC_GPC:
    panic("granule protection check failed: ESR 0x%lx FAR 0x%lx MFAR 0x%lx ELR 0x%lx", esr, read_sysreg(far_el3),
          read_sysreg(SYS_MFAR_EL3), frame->elr);
  default:
    panic("exception from %s EL%lu: ESR 0x%lx FAR 0x%lx ELR 0x%lx", cpu->current == WORLD_REALM ? "Realm" : "Non-secure",
          frame->spsr >> 2 & 3, esr, read_sysreg(far_el3), frame->elr);
  }
}

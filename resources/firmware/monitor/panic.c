/* What happened and where, then the core stops. */
#include "arch.h"
#include "context.h"
#include "lib.h"

NORETURN static void stop(void) {
  for (;;)
    wfi();
}

void panic_end(const char *file, int line, const char *text) {
  LOG_ERROR("PANIC in EL3 on core %lx at %s:%d: %s\n", mpidr_affinity(), file, line, text);
  stop();
}

static const char *const exception_kinds[] = {"synchronous exception", "IRQ", "FIQ", "SError"};

/* Exceptions that EL3 does not expect: its own, and interrupts routed to it. */
NORETURN void fatal_exception(u64 vector, u64 frame_pointer) {
  static const char *const sources[] = {"EL3", "EL3 (SP_EL3)", "a lower level", "a lower level (AArch32)"};
  LOG_ERROR("PANIC: %s from %s on core %lx\n", exception_kinds[vector & 3], sources[vector >> 2], mpidr_affinity());
  LOG_ERROR("  ELR 0x%lx  ESR 0x%lx (EC 0x%lx)  FAR 0x%lx  SPSR 0x%lx\n", read_sysreg(elr_el3), read_sysreg(esr_el3),
            FIELD(read_sysreg(esr_el3), 31, 26), read_sysreg(far_el3), read_sysreg(spsr_el3));
  LOG_ERROR("  SCR 0x%lx  MFAR 0x%lx  frame pointer 0x%lx\n", read_sysreg(scr_el3), read_sysreg(SYS_MFAR_EL3), frame_pointer);
  stop();
}

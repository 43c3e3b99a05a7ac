/* GICv3 set-up from EL3: everything is a Non-secure Group 1 interrupt (IHI 0069). */
#include "arch.h"
#include "context.h"
#include "lib.h"

enum { GICD_CTLR = 0x0, GICD_TYPER = 0x4, GICD_IGROUPR = 0x80, GICD_IGRPMODR = 0xd00 };
enum { GICR_TYPER = 0x8, GICR_WAKER = 0x14, GICR_IGROUPR0 = 0x10080, GICR_IGRPMODR0 = 0x10d00, GICR_FRAME = 0x20000 };
enum { CTLR_GRP0 = 1 << 0, CTLR_GRP1NS = 1 << 1, CTLR_GRP1S = 1 << 2, CTLR_ARE_S = 1 << 4, CTLR_ARE_NS = 1 << 5 };
#define CTLR_RWP BIT(31)
#define TYPER_LAST BIT(4)
#define TYPER_VLPIS BIT(1)
enum { WAKER_SLEEP = 1 << 1, WAKER_CHILDREN_ASLEEP = 1 << 2 };

static volatile u32 *reg32(u64 address) {
  return (volatile u32 *)address;
}

void gic_init_distributor(void) {
  volatile u32 *control = reg32(GICD_BASE + GICD_CTLR);
  *control = 0;
  while (*control & CTLR_RWP) {
  }
  *control = CTLR_ARE_S | CTLR_ARE_NS;
  u32 lines = (*reg32(GICD_BASE + GICD_TYPER) & 0x1f) + 1;
  for (u32 i = 1; i < lines; i++) {
    *reg32(GICD_BASE + GICD_IGROUPR + 4 * i) = ~0U;
    *reg32(GICD_BASE + GICD_IGRPMODR + 4 * i) = 0;
  }
  *control = CTLR_ARE_S | CTLR_ARE_NS | CTLR_GRP0 | CTLR_GRP1S | CTLR_GRP1NS;
  LOG_INFO("GICv3: %u SPIs\n", MIN((lines - 1) * 32, 988U));
}

/* This core's redistributor: its TYPER holds the affinity. */
static u64 redistributor(void) {
  u64 mpidr = mpidr_affinity();
  u32 affinity = (u32)(FIELD(mpidr, 39, 32) << 24 | FIELD(mpidr, 23, 0));
  for (u64 base = GICR_BASE;; ) {
    u64 typer = *(volatile u64 *)(base + GICR_TYPER);
    if (typer >> 32 == affinity)
      return base;
    if (typer & TYPER_LAST)
      panic("no GIC redistributor for core %lx", mpidr);
    base += (typer & TYPER_VLPIS) ? 2 * GICR_FRAME : GICR_FRAME;
  }
}

void gic_init_cpu(void) {
  u64 base = redistributor();
  volatile u32 *waker = reg32(base + GICR_WAKER);
  *waker &= ~(u32)WAKER_SLEEP;
  while (*waker & WAKER_CHILDREN_ASLEEP) {
  }
  *reg32(base + GICR_IGROUPR0) = ~0U;
  *reg32(base + GICR_IGRPMODR0) = 0;
  /* System registers everywhere, no bypass; Group 1 interrupts on for the Non-secure side. */
  write_sysreg(SYS_ICC_SRE_EL3, 0xf);
  isb();
  write_sysreg(SYS_ICC_IGRPEN1_EL3, 1);
  isb();
}

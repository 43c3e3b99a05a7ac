/* The physical GICv3: distributor, redistributors, CPU interface (IHI 0069). */
#include "task.h"
#include "tty.h"
#include "virtio.h"

enum { GICD_CTLR = 0x0, GICD_TYPER = 0x4, GICD_IGROUPR = 0x80, GICD_ISENABLER = 0x100, GICD_ICENABLER = 0x180,
       GICD_IPRIORITYR = 0x400, GICD_ICFGR = 0xc00, GICD_IROUTER = 0x6000 };
enum { GICR_TYPER = 0x8, GICR_WAKER = 0x14, GICR_SGI = 0x10000 };
#define CTLR_ARE_NS BIT(4)
#define CTLR_ENABLE_GRP1 BIT(1)
#define CTLR_RWP BIT(31)
#define WAKER_PROCESSOR_SLEEP BIT(1)
#define WAKER_CHILDREN_ASLEEP BIT(2)
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define PRIORITY 0xa0a0a0a0U
enum { KICK_SGI = 1 };

static u32 get(u64 base, u32 offset) {
  return *(volatile u32 *)(base + offset);
}
static void put(u64 base, u32 offset, u32 value) {
  *(volatile u32 *)(base + offset) = value;
}

void gic_init(void) {
  u64 d = machine.distributor.base;
  u32 lines = (u32)FIELD(get(d, GICD_TYPER), 4, 0) + 1;
  /* In a system with one security state ARE has the place that ARE_NS has for Non-secure accesses. */
  put(d, GICD_CTLR, CTLR_ARE_NS);
  for (u32 i = 1; i < lines; i++) {
    put(d, GICD_ICENABLER + 4 * i, ~0U);
    put(d, GICD_IGROUPR + 4 * i, ~0U);
    for (u32 j = 0; j < 8; j++)
      put(d, GICD_IPRIORITYR + 32 * i + 4 * j, PRIORITY);
  }
  put(d, GICD_CTLR, CTLR_ARE_NS | CTLR_ENABLE_GRP1);
  while (get(d, GICD_CTLR) & CTLR_RWP) {
  }
}

static u64 find_redistributor(u64 mpidr) {
  u64 wanted = FIELD(mpidr, 39, 32) << 24 | FIELD(mpidr, 23, 0);
  u64 end = machine.redistributors.base + machine.redistributors.size;
  for (u64 at = machine.redistributors.base; at < end; at += 0x20000)
    if (*(volatile u64 *)(at + GICR_TYPER) >> 32 == wanted)
      return at;
  panic("no redistributor for core %lx", mpidr);
}

void gic_init_cpu(void) {
  struct cpu *cpu = this_cpu();
  cpu->redistributor = find_redistributor(cpu->mpidr);
  u64 r = cpu->redistributor;
  put(r, GICR_WAKER, get(r, GICR_WAKER) & ~(u32)WAKER_PROCESSOR_SLEEP);
  while (get(r, GICR_WAKER) & WAKER_CHILDREN_ASLEEP) {
  }
  put(r + GICR_SGI, GICD_ICENABLER, ~0U);
  put(r + GICR_SGI, GICD_IGROUPR, ~0U);
  for (u32 i = 0; i < 8; i++)
    put(r + GICR_SGI, GICD_IPRIORITYR + 4 * i, PRIORITY);
  put(r + GICR_SGI, GICD_ISENABLER, 1U << KICK_SGI | 1U << INTID_MAINTENANCE | 1U << INTID_HYP_TIMER |
                                      1U << INTID_VIRTUAL_TIMER | 1U << INTID_PHYSICAL_TIMER);
  write_sysreg(SYS_ICC_SRE_EL2, 0xf);
  isb();
  write_sysreg(SYS_ICC_PMR_EL1, 0xff);
  write_sysreg(SYS_ICC_BPR1_EL1, 0);
  write_sysreg(SYS_ICC_CTLR_EL1, 0);
  write_sysreg(SYS_ICC_IGRPEN1_EL1, 1);
  isb();
}

void gic_enable_spi(u32 intid, bool edge) {
  u64 d = machine.distributor.base;
  u32 shift = 2 * (intid % 16) + 1;
  u32 config = get(d, GICD_ICFGR + 4 * (intid / 16));
  put(d, GICD_ICFGR + 4 * (intid / 16), edge ? config | 1U << shift : config & ~(1U << shift));
  *(volatile u64 *)(d + GICD_IROUTER + 8UL * intid) = cpus[0].mpidr;
  put(d, GICD_ISENABLER + 4 * (intid / 32), 1U << (intid % 32));
}

void gic_ppi_set(u32 intid, bool enabled) {
  struct cpu *cpu = this_cpu();
  u32 bit = 1U << intid;
  if (!(cpu->masked_ppis & bit) == enabled)
    return;
  cpu->masked_ppis ^= bit;
  put(cpu->redistributor + GICR_SGI, enabled ? GICD_ISENABLER : GICD_ICENABLER, bit);
  while (!enabled && (get(cpu->redistributor, 0) & BIT(3))) {
  }
}

void gic_kick(const struct cpu *cpu) {
  u64 m = cpu->mpidr;
  dsb(ish);
  write_sysreg(ICC_SGI1R_EL1, FIELD(m, 39, 32) << 48 | FIELD(m, 23, 16) << 32 | (u64)KICK_SGI << 24 | FIELD(m, 15, 8) << 16 |
                                  FIELD(m, 7, 4) << 44 | 1UL << FIELD(m, 3, 0));
  isb();
}

void irq_poll(void) {
  for (;;) {
    u32 intid = (u32)read_sysreg(SYS_ICC_IAR1_EL1) & 0xffffff;
    if (intid >= 1020 && intid < 8192)
      return;
    dsb(sy);
    this_cpu()->interrupts++;
    switch (intid) {
    case INTID_HYP_TIMER:
      write_sysreg(cnthp_ctl_el2, 0);
      isb();
      tasks_expire();
      break;
    case INTID_VIRTUAL_TIMER:
    case INTID_PHYSICAL_TIMER:
      /* The guest's: it is told by a list register, and the line stays off until it has dealt with it. */
      gic_ppi_set(intid, false);
      break;
    default:
      if (intid == machine.uart_intid)
        console_interrupt();
      else if (intid >= 32)
        virtio_interrupt(intid);
    }
    write_sysreg(SYS_ICC_EOIR1_EL1, intid);
    isb();
  }
}

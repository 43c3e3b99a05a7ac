/* GICv3 (IHI 0069) as a guest sees it. */
#include "guest.h"

enum { CTLR = 0x0, IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200, IPRIORITYR = 0x400, IROUTER = 0x6000 };
enum { GICR_WAKER = 0x14, GICR_SGI = 0x10000, GICR_STRIDE = 0x20000 };
#define ICC_SGI1R_EL1 S3_0_C12_C11_5

static irq_handler *handlers[GUEST_INTIDS];
static volatile u32 counts[MAX_GUEST_CPUS][GUEST_INTIDS];

static volatile u32 *at(u32 cpu, u32 intid, u32 offset) {
  u64 base = intid < 32 ? guest.redistributors + cpu * GICR_STRIDE + GICR_SGI : guest.distributor;
  return (volatile u32 *)(base + offset);
}

u32 gic_distributor(u32 offset) {
  return *(volatile u32 *)(guest.distributor + offset);
}
u32 gic_redistributor(u32 cpu, u32 offset) {
  return *(volatile u32 *)(guest.redistributors + cpu * GICR_STRIDE + offset);
}
void gic_write(u32 cpu, u32 offset, u32 value) {
  *at(cpu, 0, offset) = value;
}

void gic_init(void) {
  *(volatile u32 *)(guest.distributor + CTLR) = 0x12;
}

void gic_init_cpu(void) {
  u32 cpu = cpu_index();
  *(volatile u32 *)(guest.redistributors + cpu * GICR_STRIDE + GICR_WAKER) = 0;
  *at(cpu, 0, IGROUPR) = ~0U;
  for (u32 i = 0; i < 32; i += 4)
    *at(cpu, 0, IPRIORITYR + i) = 0xa0a0a0a0;
  write_sysreg(SYS_ICC_SRE_EL1, 7);
  isb();
  write_sysreg(SYS_ICC_PMR_EL1, 0xf0);
  write_sysreg(SYS_ICC_IGRPEN1_EL1, 1);
  isb();
}

void gic_priority(u32 intid, u8 priority) {
  *((volatile u8 *)at(cpu_index(), intid, IPRIORITYR) + intid) = priority;
}

void gic_enable(u32 intid, bool on) {
  u32 word = intid / 32 * 4;
  if (intid >= 32) {
    *at(0, intid, IGROUPR + word) |= 1U << intid % 32;
    gic_priority(intid, 0xa0);
    *(volatile u64 *)(guest.distributor + IROUTER + 8UL * intid) = cpu_index();
  }
  *at(cpu_index(), intid, (on ? ISENABLER : ICENABLER) + word) = 1U << intid % 32;
}

void gic_pend(u32 intid) {
  *at(cpu_index(), intid, ISPENDR + intid / 32 * 4) = 1U << intid % 32;
}

void gic_sgi(u32 intid, u32 cpu) {
  dsb(ish);
  write_sysreg(ICC_SGI1R_EL1, (u64)intid << 24 | (cpu == SGI_OTHERS ? BIT(40) : BIT(cpu)));
  isb();
}

void irq_on(u32 intid, irq_handler *handler) {
  handlers[intid] = handler;
}

u32 irq_count(u32 cpu, u32 intid) {
  return counts[cpu][intid];
}

void irq_handle(void) {
  u32 intid = (u32)read_sysreg(SYS_ICC_IAR1_EL1) & 0xffffff;
  dsb(sy);
  if (intid >= GUEST_INTIDS)
    return;
  if (handlers[intid])
    handlers[intid](intid);
  counts[cpu_index()][intid]++;
  write_sysreg(SYS_ICC_EOIR1_EL1, intid);
  isb();
}

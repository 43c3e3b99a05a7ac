/* The GICv3 that the host emulates: identification, software-generated, private and shared interrupts, priorities. */
#include "test.h"

enum { TYPER = 0x4, PIDR2 = 0xffe8, SPARE_SPI = 60, SPARE_PPI = 20 };
enum { ISPENDR = 0x200, ICPENDR = 0x280, ISACTIVER = 0x300 };

static void identification(void) {
  report((gic_distributor(PIDR2) >> 4 & 0xf) == 3, "the distributor is a GICv3");
  report(((gic_distributor(TYPER) & 31) + 1) * 32 >= 64, "it has shared interrupts");
  bool all = true;
  for (u32 cpu = 0; cpu < guest.cpus; cpu++) {
    u32 low = gic_redistributor(cpu, 8), high = gic_redistributor(cpu, 12);
    all &= high == cpu && (low >> 8 & 0xffff) == cpu && !!(low & 0x10) == (cpu + 1 == guest.cpus);
  }
  report(all, "each core has its redistributor, and the last one says so");
}

static u32 sum(u32 intid) {
  u32 count = 0;
  for (u32 cpu = 0; cpu < guest.cpus; cpu++)
    count += irq_count(cpu, intid);
  return count;
}

static void self(void) {
  gic_enable(3, true);
  irqs_on();
  u32 before = irq_count(0, 3);
  for (u32 i = 0; i < 16; i++) {
    gic_sgi(3, 0);
    if (!wait_for(irq_count(0, 3) == before + i + 1))
      break;
  }
  report(irq_count(0, 3) == before + 16, "IPI: self");
}

static volatile u32 ready;
static volatile bool leave;

static void receive(void) {
  gic_enable(4, true);
  irqs_on();
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  while (!leave)
    wfi();
  irqs_off();
}

static void others(void) {
  if (guest.cpus == 1) {
    skip("one core: no other to interrupt");
    return;
  }
  for (u32 cpu = 1; cpu < guest.cpus; cpu++)
    cpu_start(cpu, receive);
  report(wait_for(ready == guest.cpus - 1), "all cores wait for interrupts");
  bool good = true;
  for (u32 cpu = 1; cpu < guest.cpus; cpu++) {
    gic_sgi(4, cpu);
    good &= wait_for(irq_count(cpu, 4) == 1);
  }
  report(good && sum(4) == guest.cpus - 1, "IPI: directed");
  gic_sgi(4, SGI_OTHERS);
  good = true;
  for (u32 cpu = 1; cpu < guest.cpus; cpu++)
    good &= wait_for(irq_count(cpu, 4) == 2);
  report(good && irq_count(0, 4) == 0, "IPI: broadcast");
  leave = true;
  gic_sgi(4, SGI_OTHERS);
  for (u32 cpu = 1; cpu < guest.cpus; cpu++)
    good &= cpu_wait_off(cpu);
  report(good, "all cores are off again");
}

static void pending(void) {
  irqs_off();
  gic_pend(SPARE_PPI);
  report(gic_redistributor(0, 0x10000 + ISPENDR) >> SPARE_PPI & 1, "a private interrupt is made pending");
  irqs_on();
  for (u32 i = 0; i < 100; i++)
    __asm__ volatile("yield");
  report(irq_count(0, SPARE_PPI) == 0, "it is not taken while it is not enabled");
  gic_enable(SPARE_PPI, true);
  report(wait_for(irq_count(0, SPARE_PPI) == 1), "it is taken once it is enabled");
  report(!(gic_redistributor(0, 0x10000 + ISPENDR) >> SPARE_PPI & 1), "then it is pending no more");
  gic_enable(SPARE_SPI, true);
  gic_pend(SPARE_SPI);
  report(wait_for(irq_count(0, SPARE_SPI) == 1), "a shared interrupt");
  irqs_off();
  gic_pend(SPARE_SPI);
  *(volatile u32 *)(guest.distributor + ICPENDR + SPARE_SPI / 32 * 4) = 1U << SPARE_SPI % 32;
  irqs_on();
  for (u32 i = 0; i < 100; i++)
    __asm__ volatile("yield");
  report(irq_count(0, SPARE_SPI) == 1, "one that was made pending no more is not taken");
}

static volatile u32 order[2], taken, active;

static void note(u32 intid) {
  order[taken++ & 1] = intid;
  active = gic_redistributor(0, 0x10000 + ISACTIVER) >> intid & 1;
}

static void priorities(void) {
  irqs_off();
  irq_on(5, note);
  irq_on(6, note);
  gic_enable(5, true);
  gic_enable(6, true);
  gic_priority(5, 0xb0);
  gic_priority(6, 0x80);
  gic_sgi(5, 0);
  gic_sgi(6, 0);
  /* Both have arrived when the first is taken. */
  irqs_on();
  report(wait_for(taken == 2), "two interrupts at once");
  report(order[0] == 6 && order[1] == 5, "the more urgent one comes first");
  report(active, "an interrupt is active while it is handled");
  write_sysreg(SYS_ICC_PMR_EL1, 0x80);
  isb();
  gic_sgi(5, 0);
  for (u32 i = 0; i < 100; i++)
    __asm__ volatile("yield");
  report(taken == 2, "the priority mask holds one back");
  write_sysreg(SYS_ICC_PMR_EL1, 0xf0);
  isb();
  report(wait_for(taken == 3), "and lets it come");
}

/* More of them than any core has list registers (16). */
enum { CROWD_SPI = 40, CROWD = 20, SPARE_SGI = 15, NEST_SPI = 40, NEST = 18 };

static void crowd(u32 intid) {
  (void)intid;
  for (u32 i = 0; i < CROWD; i++)
    gic_pend(CROWD_SPI + i);
}

static bool counted(u32 first, u32 number, u32 expected) {
  bool all = true;
  for (u32 i = 0; i < number; i++)
    all &= wait_for(irq_count(0, first + i) == expected);
  return all;
}

static void many(void) {
  for (u32 i = 0; i < CROWD; i++)
    gic_enable(CROWD_SPI + i, true);
  gic_enable(SPARE_SGI, true);
  irq_on(SPARE_SGI, crowd);
  irqs_on();
  gic_sgi(SPARE_SGI, 0);
  report(counted(CROWD_SPI, CROWD, 1), "%u interrupts come while one is active, and are all taken", CROWD);
  gic_sgi(SPARE_SGI, 0);
  report(wait_for(irq_count(0, SPARE_SGI) == 2) && counted(CROWD_SPI, CROWD, 2), "the one that was active comes again");
}

/* Each handler lets a more urgent interrupt in. */
static void nest(u32 intid) {
  if (intid == NEST_SPI + NEST - 1)
    return;
  irqs_on();
  gic_pend(intid + 1);
  wait_for(irq_count(0, intid + 1) == irq_count(0, NEST_SPI) + 1);
  irqs_off();
}

static void nested(void) {
  for (u32 i = 0; i < NEST; i++) {
    irq_on(NEST_SPI + i, nest);
    gic_enable(NEST_SPI + i, true);
    gic_priority(NEST_SPI + i, (u8)(0xe8 - 8 * i));
  }
  irqs_on();
  u32 before = irq_count(0, NEST_SPI);
  for (u32 round = 1; round <= 2; round++) {
    gic_pend(NEST_SPI);
    report(counted(NEST_SPI, NEST, before + round), "%u interrupts nest, round %u", NEST, round);
  }
}

static const struct test tests[] = {
  {"identification", identification}, {"self", self}, {"ipi", others}, {"pending", pending}, {"priority", priorities},
  {"many", many}, {"nested", nested}};

void guest_main(void) {
  tests_run("gicv3", tests, ARRAY_SIZE(tests));
}

/* The virtual and the physical timer. */
#include "test.h"

struct timer {
  const char *name;
  u32 intid;
  u64 (*count)(void);
  void (*set)(u64 control, u64 compare);
  u64 (*control)(void);
};

static u64 virtual_count(void) {
  return counter();
}
static void virtual_set(u64 control, u64 compare) {
  write_sysreg(cntv_ctl_el0, 0);
  write_sysreg(cntv_cval_el0, compare);
  write_sysreg(cntv_ctl_el0, control);
  isb();
}
static u64 virtual_control(void) {
  return read_sysreg(cntv_ctl_el0);
}
static u64 physical_count(void) {
  isb();
  return read_sysreg(cntpct_el0);
}
static void physical_set(u64 control, u64 compare) {
  write_sysreg(cntp_ctl_el0, 0);
  write_sysreg(cntp_cval_el0, compare);
  write_sysreg(cntp_ctl_el0, control);
  isb();
}
static u64 physical_control(void) {
  return read_sysreg(cntp_ctl_el0);
}

static const struct timer virtual_timer = {"vtimer", INTID_VIRTUAL_TIMER, virtual_count, virtual_set, virtual_control};
static const struct timer physical_timer = {"ptimer", INTID_PHYSICAL_TIMER, physical_count, physical_set, physical_control};
static const struct timer *current;
static volatile u64 fired_at;

static void fired(u32 intid) {
  fired_at = current->count();
  current->set(0, ~0UL);
}

static void run(const struct timer *timer) {
  u64 millisecond = read_sysreg(cntfrq_el0) / 1000;
  current = timer;
  irq_on(timer->intid, fired);
  gic_enable(timer->intid, true);
  irqs_on();
  u64 a = timer->count(), b = timer->count();
  report(b >= a && b != 0, "the counter goes forward");
  timer->set(1, ~0UL);
  report(!(timer->control() & 4), "the condition is not met long before the time");
  timer->set(3, 0);
  report(timer->control() & 4, "it is met after the time");
  report(irq_count(0, timer->intid) == 0, "a masked timer does not interrupt");
  u64 wanted_at = timer->count() + millisecond;
  timer->set(1, wanted_at);
  report(wait_for(irq_count(0, timer->intid) == 1) && fired_at >= wanted_at, "interrupt after a millisecond");
  wanted_at = timer->count() + 2 * millisecond;
  irqs_off();
  timer->set(1, wanted_at);
  while (!(timer->control() & 4))
    wfi();
  irqs_on();
  report(wait_for(irq_count(0, timer->intid) == 2) && fired_at >= wanted_at, "it ends WFI");
  timer->set(1, timer->count() + 1000000 * millisecond);
  timer->set(1, timer->count());
  report(wait_for(irq_count(0, timer->intid) == 3), "a time that has passed interrupts at once");
  irqs_off();
  gic_enable(timer->intid, false);
}

static void virtual_test(void) {
  run(&virtual_timer);
}
static void physical_test(void) {
  run(&physical_timer);
}

static const struct test tests[] = {{"vtimer", virtual_test}, {"ptimer", physical_test}};

void guest_main(void) {
  tests_run("timer", tests, ARRAY_SIZE(tests));
}

/* The realm's EL1 timers. */
#include "rmm.h"

#define CTL_ENABLE BIT(0)
#define CTL_IMASK BIT(1)
#define CTL_ISTATUS BIT(2)
/* CNTHCTL_EL2 with HCR_EL2.E2H == 0: counters and timers are the realm's; the masks come with FEAT_RME. */
#define CNTHCTL_EL1PCTEN BIT(0)
#define CNTHCTL_EL1PCEN BIT(1)
#define CNTHCTL_CNTVMASK BIT(18)
#define CNTHCTL_CNTPMASK BIT(19)

static bool asserted(u64 control) {
  return (control & (CTL_ENABLE | CTL_IMASK | CTL_ISTATUS)) == (CTL_ENABLE | CTL_ISTATUS);
}

/*
 * A timer that has fired would take the core out of the realm at once, before it could deal with it: its output is
 * masked. The host has seen the state at the last exit and has given the realm a virtual interrupt; when the realm has
 * ended that, the maintenance interrupt brings us here again and the mask goes.
 */
void timer_enter(void) {
  u64 control = CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN;
  if (asserted(read_sysreg(cntv_ctl_el0)))
    control |= CNTHCTL_CNTVMASK;
  if (asserted(read_sysreg(cntp_ctl_el0)))
    control |= CNTHCTL_CNTPMASK;
  write_sysreg(cnthctl_el2, control);
}

void timer_leave(struct rmi_rec_exit *exit) {
  exit->cntp_ctl = read_sysreg(cntp_ctl_el0);
  exit->cntp_cval = read_sysreg(cntp_cval_el0);
  exit->cntv_ctl = read_sysreg(cntv_ctl_el0);
  exit->cntv_cval = read_sysreg(cntv_cval_el0);
}

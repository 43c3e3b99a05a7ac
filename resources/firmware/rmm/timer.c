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

static u64 masks(u64 cntv_ctl, u64 cntp_ctl) {
  return (asserted(cntv_ctl) ? CNTHCTL_CNTVMASK : 0) | (asserted(cntp_ctl) ? CNTHCTL_CNTPMASK : 0);
}

/*
 * A timer that has fired would take the core out of the realm at once, before it could deal with it: its output is
 * masked once the host has seen it at an exit and has given the realm a virtual interrupt. When the realm has ended
 * that, the maintenance interrupt brings us here again and the mask goes. One that fires between exit and entry is not
 * masked: the host does not know of it yet.
 */
void timer_enter(struct rec *rec) {
  rec->timers_told &= masks(read_sysreg(cntv_ctl_el0), read_sysreg(cntp_ctl_el0));
  write_sysreg(cnthctl_el2, CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN | rec->timers_told);
}

static void tell(struct rec *rec, struct rmi_rec_exit *exit) {
  /* As the host reads it, not as it may be by now. */
  rec->timers_told = masks(exit->cntv_ctl, exit->cntp_ctl);
}

void timer_leave(struct rec *rec, struct rmi_rec_exit *exit) {
  exit->cntp_ctl = read_sysreg(cntp_ctl_el0);
  exit->cntp_cval = read_sysreg(cntp_cval_el0);
  exit->cntv_ctl = read_sysreg(cntv_ctl_el0);
  exit->cntv_cval = read_sysreg(cntv_cval_el0);
  tell(rec, exit);
}

static u64 control_now(u64 control, u64 compare) {
  isb();
  bool met = (control & CTL_ENABLE) && read_sysreg(cntpct_el0) >= compare;
  return (control & (CTL_ENABLE | CTL_IMASK)) | (met ? CTL_ISTATUS : 0);
}

void timer_not_entered(struct rec *rec, struct rmi_rec_exit *exit) {
  const struct el1_registers *el1 = &rec->el1;
  exit->cntp_ctl = control_now(el1->cntp_ctl_el0, el1->cntp_cval_el0);
  exit->cntp_cval = el1->cntp_cval_el0;
  exit->cntv_ctl = control_now(el1->cntv_ctl_el0, el1->cntv_cval_el0);
  exit->cntv_cval = el1->cntv_cval_el0;
  tell(rec, exit);
}

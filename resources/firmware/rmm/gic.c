/* The realm's virtual interrupts: GICv3 list registers, chosen by the host (IHI 0069, chapter 12). */
#include "rmm.h"

#define HCR_EN BIT(0)
/* UIE, LRENPIE, NPIE, VGrp0EIE, VGrp0DIE, VGrp1EIE, VGrp1DIE, TDIR: what the host may ask for. */
#define HCR_HOST_BITS (0xfeUL | BIT(14))
#define HCR_EOICOUNT (0x1fUL << 27)

#define LR_STATE(lr) FIELD(lr, 63, 62)
#define LR_HW BIT(61)
#define LR_PRIORITY(lr) FIELD(lr, 55, 48)
#define LR_PINTID (0x1fffUL << 32)
#define LR_EOI BIT(41)
#define LR_VINTID(lr) FIELD(lr, 31, 0)

static u32 list_registers;
static u32 priority_registers;
static u64 priority_res0;
static u32 intid_bits;

u32 gic_list_registers(void) {
  return list_registers;
}

void gic_init(void) {
  u64 vtr = read_sysreg(SYS_ICH_VTR_EL2);
  list_registers = MIN((u32)FIELD(vtr, 4, 0) + 1, (u32)REC_LRS);
  u32 priority_bits = (u32)FIELD(vtr, 31, 29) + 1;
  priority_registers = active_priority_registers();
  priority_res0 = (1UL << (8 - priority_bits)) - 1;
  intid_bits = FIELD(vtr, 25, 23) ? 24 : 16;
}

static bool intid_valid(u64 intid) {
  /* 1020 to 8191 are special, reserved or (1056 on) extended ranges that the virtual interface does not take. */
  return intid < 1020 || (intid >= 8192 && intid < 1UL << intid_bits);
}

bool gic_entry_valid(const struct rmi_rec_enter *enter) {
  if (enter->gicv3_hcr & ~HCR_HOST_BITS)
    return false;
  for (u32 i = 0; i < list_registers; i++) {
    u64 lr = enter->gicv3_lrs[i];
    if (!LR_STATE(lr))
      continue;
    if ((lr & LR_HW) || (LR_PRIORITY(lr) & priority_res0) || (lr & LR_PINTID & ~LR_EOI) || !intid_valid(LR_VINTID(lr)))
      return false;
    for (u32 j = i + 1; j < list_registers; j++)
      if (LR_STATE(enter->gicv3_lrs[j]) && LR_VINTID(enter->gicv3_lrs[j]) == LR_VINTID(lr))
        return false;
  }
  return true;
}

static void save(struct gic_registers *to) {
  to->hcr = read_sysreg(SYS_ICH_HCR_EL2);
  to->vmcr = read_sysreg(SYS_ICH_VMCR_EL2);
  to->misr = read_sysreg(SYS_ICH_MISR_EL2);
  to->ap0r[0] = read_sysreg(SYS_ICH_AP0R0_EL2);
  to->ap1r[0] = read_sysreg(SYS_ICH_AP1R0_EL2);
  if (priority_registers > 1) {
    to->ap0r[1] = read_sysreg(SYS_ICH_AP0R1_EL2);
    to->ap1r[1] = read_sysreg(SYS_ICH_AP1R1_EL2);
  }
  if (priority_registers > 2) {
    to->ap0r[2] = read_sysreg(SYS_ICH_AP0R2_EL2);
    to->ap0r[3] = read_sysreg(SYS_ICH_AP0R3_EL2);
    to->ap1r[2] = read_sysreg(SYS_ICH_AP1R2_EL2);
    to->ap1r[3] = read_sysreg(SYS_ICH_AP1R3_EL2);
  }
  for (u32 i = 0; i < list_registers; i++)
    to->lr[i] = list_register_read(i);
}

static void load(const struct gic_registers *from) {
  write_sysreg(SYS_ICH_VMCR_EL2, from->vmcr);
  write_sysreg(SYS_ICH_AP0R0_EL2, from->ap0r[0]);
  write_sysreg(SYS_ICH_AP1R0_EL2, from->ap1r[0]);
  if (priority_registers > 1) {
    write_sysreg(SYS_ICH_AP0R1_EL2, from->ap0r[1]);
    write_sysreg(SYS_ICH_AP1R1_EL2, from->ap1r[1]);
  }
  if (priority_registers > 2) {
    write_sysreg(SYS_ICH_AP0R2_EL2, from->ap0r[2]);
    write_sysreg(SYS_ICH_AP0R3_EL2, from->ap0r[3]);
    write_sysreg(SYS_ICH_AP1R2_EL2, from->ap1r[2]);
    write_sysreg(SYS_ICH_AP1R3_EL2, from->ap1r[3]);
  }
  for (u32 i = 0; i < list_registers; i++)
    list_register_write(i, from->lr[i]);
  write_sysreg(SYS_ICH_HCR_EL2, from->hcr);
  isb();
}

void gic_enter(struct rec *rec, const struct rmi_rec_enter *enter) {
  save(&this_cpu()->host_gic);
  rec->gic.hcr = (enter->gicv3_hcr & HCR_HOST_BITS) | HCR_EN;
  memcpy(rec->gic.lr, enter->gicv3_lrs, sizeof rec->gic.lr);
  load(&rec->gic);
}

void gic_leave(struct rec *rec, struct rmi_rec_exit *exit) {
  save(&rec->gic);
  memcpy(exit->gicv3_lrs, rec->gic.lr, sizeof exit->gicv3_lrs);
  exit->gicv3_hcr = rec->gic.hcr & (HCR_HOST_BITS | HCR_EOICOUNT);
  exit->gicv3_misr = rec->gic.misr;
  exit->gicv3_vmcr = rec->gic.vmcr;
  load(&this_cpu()->host_gic);
}

void gic_not_entered(const struct rec *rec, const struct rmi_rec_enter *enter, struct rmi_rec_exit *exit) {
  memcpy(exit->gicv3_lrs, enter->gicv3_lrs, list_registers * sizeof exit->gicv3_lrs[0]);
  exit->gicv3_hcr = enter->gicv3_hcr & HCR_HOST_BITS;
  exit->gicv3_vmcr = rec->gic.vmcr;
}

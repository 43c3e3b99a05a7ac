/* Normal virtual machines: stage 2 translation, EL1 state, and what comes back to EL2. */
#include "el2.h"
#include "smccc.h"
#include "sysreg.h"
#include "vmm.h"

u64 guest_enter(u64 *x);
void fp_save(void *to);
void fp_load(const void *from);

struct el1_context {
#define X(name) u64 name;
  EL1_REGISTERS(X)
  KEY_REGISTERS(X)
#undef X
  u64 cntv_ctl, cntv_cval, cntp_ctl, cntp_cval;
  u64 vmcr, ap1r[4];
  u8 fp[528] __attribute__((aligned(16)));
};

#define HCR_GUEST \
  (HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TACR | HCR_RW | HCR_APK | HCR_API)
#define MDCR_TPM BIT(6)
#define ICH_HCR_EN BIT(0)
#define S2_NORMAL_WB (0xfUL << 2)
#define S2_READ_WRITE (3UL << 6)
#define STAGE2_RAM (S2_NORMAL_WB | S2_READ_WRITE | PTE_SH_INNER | PTE_AF)

enum { VECTOR_SYNC, VECTOR_IRQ };

static u64 vttbr(const struct vm *vm) {
  return (u64)vm->stage2.root | (u64)vm->vmid << 48;
}

void normal_setup(struct vm *vm) {
  u32 tables = (u32)(ALIGN_UP(vm->ram_size, 0x40000000UL) / 0x40000000UL) + 1;
  u64 *memory = pages_alloc(tables + 1, 1);
  if (!memory)
    panic("no memory for stage 2 tables");
  zero(memory, (tables + 1) * PAGE_SIZE);
  vm->stage2 = (struct page_tables){memory, 1, (u64(*)[512])(memory + 512), tables, 0};
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    vm->vcpus[i].context = heap_alloc(sizeof *vm->vcpus[i].context);
    memset(vm->vcpus[i].context, 0, sizeof *vm->vcpus[i].context);
  }
  vm->counter_offset = now();
}

void normal_teardown(struct vm *vm) {
  write_sysreg(vttbr_el2, vttbr(vm));
  isb();
  __asm__ volatile("tlbi vmalls12e1is\n dsb ish\n isb" : : : "memory");
  pages_free(vm->stage2.root, vm->stage2.pool_tables + 1);
  for (u32 i = 0; i < vm->vcpu_count; i++)
    heap_free(vm->vcpus[i].context);
}

void normal_vcpu_reset(struct vcpu *vcpu, u64 entry, u64 argument) {
  memset(vcpu->x, 0, sizeof vcpu->x);
  memset(vcpu->context, 0, sizeof *vcpu->context);
  vcpu->x[0] = argument;
  vcpu->pc = entry;
  vcpu->pstate = PSTATE_EL1H_MASKED;
  vcpu->context->sctlr_el1 = SCTLR_EL1_RESET;
}

static void load(struct vcpu *vcpu) {
  struct el1_context *c = vcpu->context;
  struct vm *vm = vcpu->vm;
#define X(name) write_sysreg(name, c->name);
  EL1_REGISTERS(X)
  if (has_pauth()) {
    KEY_REGISTERS(X)
  }
#undef X
  u64 ps = MIN(FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 5UL);
  u64 wide_vmid = FIELD(read_sysreg(id_aa64mmfr1_el1), 7, 4) == 2;
  /* 39 bits from level 1, 4 KB, write-back inner-shareable walks; bit 31 is RES1. */
  write_sysreg(vtcr_el2, 25UL | 1UL << 6 | 1UL << 8 | 1UL << 10 | 3UL << 12 | ps << 16 | wide_vmid << 19 | BIT(31));
  write_sysreg(vttbr_el2, vttbr(vm));
  write_sysreg(vpidr_el2, read_sysreg(midr_el1));
  write_sysreg(vmpidr_el2, BIT(31) | vcpu->index);
  write_sysreg(mdcr_el2, (read_sysreg(mdcr_el2) & 0x1f) | MDCR_TPM);
  hcrx_write();
  write_sysreg(cntvoff_el2, vm->counter_offset);
  write_sysreg(cntv_cval_el0, c->cntv_cval);
  write_sysreg(cntv_ctl_el0, c->cntv_ctl);
  write_sysreg(cntp_cval_el0, c->cntp_cval);
  write_sysreg(cntp_ctl_el0, c->cntp_ctl);
  write_sysreg(SYS_ICH_VMCR_EL2, c->vmcr);
  write_sysreg(SYS_ICH_AP1R0_EL2, c->ap1r[0]);
  if (active_priority_registers() > 1)
    write_sysreg(SYS_ICH_AP1R1_EL2, c->ap1r[1]);
  fp_load(c->fp);
  vcpu->loaded = this_cpu();
}

void normal_vcpu_put(struct vcpu *vcpu) {
  struct el1_context *c = vcpu->context;
  if (!vcpu->loaded)
    return;
#define X(name) c->name = read_sysreg(name);
  EL1_REGISTERS(X)
  if (has_pauth()) {
    KEY_REGISTERS(X)
  }
#undef X
  c->cntv_cval = read_sysreg(cntv_cval_el0);
  c->cntv_ctl = read_sysreg(cntv_ctl_el0);
  c->cntp_cval = read_sysreg(cntp_cval_el0);
  c->cntp_ctl = read_sysreg(cntp_ctl_el0);
  write_sysreg(cntv_ctl_el0, 0);
  write_sysreg(cntp_ctl_el0, 0);
  c->vmcr = read_sysreg(SYS_ICH_VMCR_EL2);
  c->ap1r[0] = read_sysreg(SYS_ICH_AP1R0_EL2);
  if (active_priority_registers() > 1)
    c->ap1r[1] = read_sysreg(SYS_ICH_AP1R1_EL2);
  fp_save(c->fp);
  isb();
  vcpu->loaded = NULL;
}

/* ENABLE, ISTATUS and not IMASK. */
static bool asserted(u64 control) {
  return (control & 7) == 5;
}

static void sync_timer(struct vcpu *vcpu, u32 intid, u64 control) {
  bool level = asserted(control);
  vgic_set_line(vcpu->vm, vcpu, intid, level);
  gic_ppi_set(intid, !level);
}

static void undefined(struct vcpu *vcpu) {
  u64 vbar = read_sysreg(vbar_el1);
  write_sysreg(elr_el1, vcpu->pc);
  write_sysreg(spsr_el1, vcpu->pstate);
  write_sysreg(esr_el1, ESR_IL);
  u64 mode = vcpu->pstate & 0xf;
  vcpu->pc = vbar + (mode == 5 ? 0x200 : mode == 4 ? 0 : 0x400);
  vcpu->pstate = PSTATE_EL1H_MASKED;
}

static void abort_guest(struct vcpu *vcpu, u64 esr) {
  undefined(vcpu);
  u64 lower = (read_sysreg(spsr_el1) & 0xf) == 0;
  u64 class = (ESR_EC(esr) == EC_DATA_ABORT ? EC_DATA_ABORT : EC_INSTRUCTION_ABORT) + !lower;
  write_sysreg(far_el1, read_sysreg(far_el2));
  /* A synchronous External abort: nothing answers there. */
  write_sysreg(esr_el1, class << 26 | ESR_IL | 0x10);
}

static void data_abort(struct vcpu *vcpu, u64 esr, u64 ipa) {
  struct vm *vm = vcpu->vm;
  if (ipa >= GUEST_RAM_BASE && ipa - GUEST_RAM_BASE < vm->ram_size) {
    /* It may have to wait, and another vCPU may have this core meanwhile. */
    normal_vcpu_put(vcpu);
    if (!vm_memory(vm, ipa)) {
      tprintf("\n  Error: no memory is left for guest %s\n", vm->name);
      vm_stop(vm, VM_FAILED);
    }
    return;
  }
  if (ESR_EC(esr) != EC_DATA_ABORT || !(esr & ISS_ISV)) {
    abort_guest(vcpu, esr);
    return;
  }
  u64 rt = ISS_SRT(esr);
  u32 size = 1U << ISS_SAS(esr);
  bool write = esr & ISS_WNR;
  u64 value = write && rt != 31 ? emulated_store(esr, vcpu->x[rt]) : 0;
  if (!vm_mmio(vcpu, ipa, size, write, &value)) {
    abort_guest(vcpu, esr);
    return;
  }
  if (!write && rt != 31)
    vcpu->x[rt] = emulated_load(esr, value);
  vcpu->pc += 4;
}

static void system_register(struct vcpu *vcpu, u64 esr) {
  u64 rt = SYSREG_RT(esr);
  bool read = esr & SYSREG_READ;
  u64 value = rt == 31 ? 0 : vcpu->x[rt];
  u32 name = SYSREG_OF_ISS(esr);
  if (name == SYSREG(3, 0, 12, 11, 5) && !read)
    vgic_sgi(vcpu, value);
  else if (!guest_sysreg(name, read, &value)) {
    undefined(vcpu);
    return;
  }
  if (read && rt != 31)
    vcpu->x[rt] = value;
  vcpu->pc += 4;
}

static void handle_sync(struct vcpu *vcpu) {
  u64 esr = read_sysreg(esr_el2);
  u64 ipa = fault_ipa();
  switch (ESR_EC(esr)) {
  case EC_WFX:
    vcpu->pc += 4;
    vcpu->waits = true;
    break;
  case EC_SMC:
    vcpu->pc += 4;
    /* fall through */
  case EC_HVC:
    vcpu->x[0] = vm_psci(vcpu, vcpu->x);
    break;
  case EC_SYSREG:
    system_register(vcpu, esr);
    break;
  case EC_DATA_ABORT:
  case EC_INSTRUCTION_ABORT:
    data_abort(vcpu, esr, ipa);
    break;
  default:
    undefined(vcpu);
  }
}

static u64 deadline_of(u64 control, u64 compare, u64 offset) {
  return (control & 3) == 1 ? compare + offset : NEVER;
}

void normal_vcpu_run(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  if (vcpu->loaded != this_cpu())
    load(vcpu);
  sync_timer(vcpu, INTID_VIRTUAL_TIMER, read_sysreg(cntv_ctl_el0));
  sync_timer(vcpu, INTID_PHYSICAL_TIMER, read_sysreg(cntp_ctl_el0));
  u64 hcr = vgic_fill(vcpu);
  u32 registers = MIN(vgic_list_registers(), (u32)ARRAY_SIZE(vcpu->lrs));
  for (u32 i = 0; i < registers; i++)
    list_register_write(i, vcpu->lrs[i]);
  write_sysreg(SYS_ICH_HCR_EL2, hcr | ICH_HCR_EN);
  write_sysreg(elr_el2, vcpu->pc);
  write_sysreg(spsr_el2, vcpu->pstate);
  write_sysreg(hcr_el2, HCR_GUEST);
  isb();
  u64 vector = guest_enter(vcpu->x);
  this_cpu()->in_guest = false;
  write_sysreg(hcr_el2, HCR_RW);
  isb();
  vcpu->pc = read_sysreg(elr_el2);
  vcpu->pstate = read_sysreg(spsr_el2);
  for (u32 i = 0; i < registers; i++)
    vcpu->lrs[i] = list_register_read(i);
  hcr = read_sysreg(SYS_ICH_HCR_EL2);
  write_sysreg(SYS_ICH_HCR_EL2, 0);
  isb();
  vgic_collect(vcpu, hcr);
  sync_timer(vcpu, INTID_VIRTUAL_TIMER, read_sysreg(cntv_ctl_el0));
  sync_timer(vcpu, INTID_PHYSICAL_TIMER, read_sysreg(cntp_ctl_el0));
  u64 v = deadline_of(read_sysreg(cntv_ctl_el0), read_sysreg(cntv_cval_el0), vm->counter_offset);
  u64 p = deadline_of(read_sysreg(cntp_ctl_el0), read_sysreg(cntp_cval_el0), 0);
  vcpu->vtimer_deadline = MIN(v, p);
  vcpu->waits = false;
  if (vector == VECTOR_SYNC)
    handle_sync(vcpu);
  else if (vector != VECTOR_IRQ)
    vm_stop(vm, VM_FAILED);
}

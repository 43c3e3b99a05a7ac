/* The guest's GICv3: its interrupts, and the list registers that are filled from them (IHI 0069). */
#include "vgic.h"

#define LR_PENDING BIT(62)
#define LR_ACTIVE BIT(63)
#define LR_GROUP1 BIT(60)
#define LR_EOI BIT(41)
#define ICH_HCR_UIE BIT(1)
#define ICH_HCR_LRENPIE BIT(2)
#define LR_INTID(lr) ((u32)(lr))
#define LR_PRIORITY(lr) FIELD(lr, 55, 48)

u32 vgic_list_registers(void) {
  return (u32)FIELD(read_sysreg(SYS_ICH_VTR_EL2), 4, 0) + 1;
}

struct vgic_irq *vgic_irq(struct vcpu *vcpu, u32 intid) {
  if (intid < PRIVATE_INTIDS)
    return &vcpu->private[intid];
  return intid < GUEST_INTIDS ? &vcpu->vm->shared[intid - PRIVATE_INTIDS] : NULL;
}

void vgic_init(struct vm *vm) {
  vm->gicd_ctlr = GICD_CTLR_FIXED;
  for (u32 i = 0; i < GUEST_INTIDS - PRIVATE_INTIDS; i++)
    vm->shared[i] = (struct vgic_irq){.group1 = true};
  for (u32 c = 0; c < vm->vcpu_count; c++)
    for (u32 i = 0; i < PRIVATE_INTIDS; i++)
      vm->vcpus[c].private[i] = (struct vgic_irq){.group1 = true, .edge = i < 16, .enabled = false};
}

bool vgic_is_pending(const struct vgic_irq *irq) {
  return irq->pending || (!irq->edge && irq->line);
}

static bool can_signal(const struct vm *vm, const struct vgic_irq *irq) {
  return vgic_is_pending(irq) && irq->enabled && irq->group1 && (vm->gicd_ctlr & GICD_CTLR_ENABLE_GRP1);
}

void vgic_set_line(struct vm *vm, struct vcpu *vcpu, u32 intid, bool level) {
  spin_lock(&vm->lock);
  struct vgic_irq *irq = vgic_irq(vcpu ? vcpu : &vm->vcpus[0], intid);
  bool rises = level && !irq->line;
  irq->line = level;
  if (rises && irq->edge)
    irq->pending = true;
  struct vcpu *target = intid < PRIVATE_INTIDS ? vcpu : &vm->vcpus[irq->target];
  bool kick = rises && can_signal(vm, irq);
  spin_unlock(&vm->lock);
  if (kick)
    vcpu_kick(target);
}

void vgic_sgi(struct vcpu *vcpu, u64 value) {
  struct vm *vm = vcpu->vm;
  u32 intid = (u32)FIELD(value, 27, 24);
  bool all = FIELD(value, 40, 40);
  u64 targets = FIELD(value, 15, 0);
  bool own_cluster = !(value & (0xffUL << 16 | 0xffUL << 32 | 0xffUL << 48)) && FIELD(value, 47, 44) == 0;
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    if (all ? i == vcpu->index : !own_cluster || !(targets >> i & 1))
      continue;
    spin_lock(&vm->lock);
    vm->vcpus[i].private[intid].pending = true;
    spin_unlock(&vm->lock);
    vcpu_kick(&vm->vcpus[i]);
  }
}

bool vgic_pending(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  bool found = false;
  spin_lock(&vm->lock);
  for (u32 intid = 0; intid < GUEST_INTIDS && !found; intid++) {
    const struct vgic_irq *irq = vgic_irq(vcpu, intid);
    found = can_signal(vm, irq) && !irq->active && (intid < PRIVATE_INTIDS || irq->target == vcpu->index);
  }
  spin_unlock(&vm->lock);
  return found;
}

/* Into a free list register; when all are taken the least urgent one of its kind (active or not) makes room, or it stays out. */
static u32 insert(u64 *lrs, u32 used, u32 limit, u64 lr) {
  u32 at = used;
  if (used == limit) {
    for (u32 i = 0; i < limit; i++)
      if (!((lrs[i] ^ lr) & LR_ACTIVE) && LR_PRIORITY(lrs[i]) > LR_PRIORITY(lr) &&
          (at == limit || LR_PRIORITY(lrs[i]) > LR_PRIORITY(lrs[at])))
        at = i;
    if (at == limit)
      return used;
  } else
    used++;
  lrs[at] = lr;
  return used;
}

/* Those that are active, or those that are only pending; `left_out`: some had no room. */
static u32 choose(struct vcpu *vcpu, bool active, u32 used, u32 limit, bool *left_out) {
  struct vm *vm = vcpu->vm;
  for (u32 intid = 0; intid < GUEST_INTIDS; intid++) {
    const struct vgic_irq *irq = vgic_irq(vcpu, intid);
    bool signal = can_signal(vm, irq) && (!irq->active || irq->edge);
    if (irq->active != active || (!signal && !active) || (intid >= PRIVATE_INTIDS && irq->target != vcpu->index))
      continue;
    *left_out |= used == limit;
    used = insert(vcpu->lrs, used, limit,
                  intid | (u64)irq->priority << 48 | LR_GROUP1 | (signal ? LR_PENDING : 0) | (active ? LR_ACTIVE : 0) |
                    (irq->edge ? 0 : LR_EOI));
  }
  return used;
}

u64 vgic_fill(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  u32 limit = MIN(vgic_list_registers(), (u32)ARRAY_SIZE(vcpu->lrs));
  bool active_out = false, pending_out = false;
  memset(vcpu->lrs, 0, sizeof vcpu->lrs);
  spin_lock(&vm->lock);
  /* What is pending comes first, for it cannot be taken otherwise; the end of what is active is counted at least. */
  u32 used = choose(vcpu, false, 0, limit, &pending_out);
  used = choose(vcpu, true, used, limit, &active_out);
  /* What the registers carry is theirs until they are collected; a level that software made pending is so until it is taken. */
  for (u32 i = 0; i < used; i++) {
    struct vgic_irq *irq = vgic_irq(vcpu, LR_INTID(vcpu->lrs[i]));
    if (irq->edge && vcpu->lrs[i] & LR_PENDING)
      irq->pending = false;
    irq->active = false;
  }
  spin_unlock(&vm->lock);
  return (active_out ? ICH_HCR_LRENPIE : 0) | (pending_out ? ICH_HCR_UIE : 0);
}

/* The most urgent one that is active and in no list register, or NULL. */
static struct vgic_irq *outside(struct vcpu *vcpu) {
  struct vgic_irq *found = NULL;
  for (u32 intid = 0; intid < GUEST_INTIDS; intid++) {
    struct vgic_irq *irq = vgic_irq(vcpu, intid);
    if (irq->active && (intid < PRIVATE_INTIDS || irq->target == vcpu->index) && (!found || irq->priority < found->priority))
      found = irq;
  }
  return found;
}

void vgic_collect(struct vcpu *vcpu, u64 hcr) {
  struct vm *vm = vcpu->vm;
  spin_lock(&vm->lock);
  /* What was ended without a list register: guests end the most urgent first, and they do not split EOI and deactivation. */
  struct vgic_irq *ended;
  for (u64 count = FIELD(hcr, 31, 27); count && (ended = outside(vcpu)); count--)
    ended->active = false;
  for (u32 i = 0; i < ARRAY_SIZE(vcpu->lrs); i++) {
    u64 lr = vcpu->lrs[i];
    if (!lr)
      continue;
    struct vgic_irq *irq = vgic_irq(vcpu, LR_INTID(lr));
    irq->active = lr & LR_ACTIVE;
    if (irq->edge)
      irq->pending |= !!(lr & LR_PENDING);
    else if (!(lr & LR_PENDING))
      irq->pending = false;
  }
  memset(vcpu->lrs, 0, sizeof vcpu->lrs);
  spin_unlock(&vm->lock);
}

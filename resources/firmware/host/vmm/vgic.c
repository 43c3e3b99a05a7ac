/* The guest's GICv3: distributor and redistributors in software, list registers filled from them (IHI 0069). */
#include "vmm.h"

enum { CTLR = 0x0, TYPER = 0x4, IIDR = 0x8, IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200,
       ICPENDR = 0x280, ISACTIVER = 0x300, ICACTIVER = 0x380, IPRIORITYR = 0x400, ITARGETSR = 0x800, ICFGR = 0xc00,
       IROUTER = 0x6000, PIDR2 = 0xffe8 };
enum { GICR_TYPER = 0x8, GICR_WAKER = 0x14, GICR_SGI = 0x10000 };
#define CTLR_ENABLE_GRP1 BIT(1)
#define CTLR_FIXED (BIT(4) | BIT(6)) /* ARE, DS */
#define ARCH_REV_GICV3 0x30
#define LR_PENDING BIT(62)
#define LR_ACTIVE BIT(63)
#define LR_GROUP1 BIT(60)
#define LR_EOI BIT(41)
#define ICH_HCR_UIE BIT(1)
#define LR_INTID(lr) ((u32)(lr))

u32 vgic_list_registers(void) {
  return (u32)FIELD(read_sysreg(SYS_ICH_VTR_EL2), 4, 0) + 1;
}

static struct vgic_irq *irq_of(struct vcpu *vcpu, u32 intid) {
  if (intid < PRIVATE_INTIDS)
    return &vcpu->private[intid];
  return intid < GUEST_INTIDS ? &vcpu->vm->shared[intid - PRIVATE_INTIDS] : NULL;
}

void vgic_init(struct vm *vm) {
  vm->gicd_ctlr = CTLR_FIXED;
  for (u32 i = 0; i < GUEST_INTIDS - PRIVATE_INTIDS; i++)
    vm->shared[i] = (struct vgic_irq){.group1 = true};
  for (u32 c = 0; c < vm->vcpu_count; c++)
    for (u32 i = 0; i < PRIVATE_INTIDS; i++)
      vm->vcpus[c].private[i] = (struct vgic_irq){.group1 = true, .edge = i < 16, .enabled = false};
}

/* Under the lock. */
static bool is_pending(const struct vgic_irq *irq) {
  return irq->pending || (!irq->edge && irq->line);
}

static bool can_signal(const struct vm *vm, const struct vgic_irq *irq) {
  return is_pending(irq) && irq->enabled && irq->group1 && (vm->gicd_ctlr & CTLR_ENABLE_GRP1);
}

void vgic_set_line(struct vm *vm, struct vcpu *vcpu, u32 intid, bool level) {
  spin_lock(&vm->lock);
  struct vgic_irq *irq = irq_of(vcpu ? vcpu : &vm->vcpus[0], intid);
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
    const struct vgic_irq *irq = irq_of(vcpu, intid);
    found = can_signal(vm, irq) && !irq->active && (intid < PRIVATE_INTIDS || irq->target == vcpu->index);
  }
  spin_unlock(&vm->lock);
  return found;
}

u64 vgic_fill(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  u32 limit = MIN(vgic_list_registers(), (u32)ARRAY_SIZE(vcpu->lrs)), used = 0;
  bool left_out = false;
  memset(vcpu->lrs, 0, sizeof vcpu->lrs);
  spin_lock(&vm->lock);
  for (u32 intid = 0; intid < GUEST_INTIDS; intid++) {
    struct vgic_irq *irq = irq_of(vcpu, intid);
    if (intid >= PRIVATE_INTIDS && irq->target != vcpu->index)
      continue;
    bool signal = can_signal(vm, irq) && (!irq->active || irq->edge);
    if (!signal && !irq->active)
      continue;
    u64 lr = intid | (u64)irq->priority << 48 | LR_GROUP1 | (signal ? LR_PENDING : 0) | (irq->active ? LR_ACTIVE : 0) |
             (irq->edge ? 0 : LR_EOI);
    u32 at = used;
    if (used == limit) {
      /* The least urgent one that is not active makes room. */
      left_out = true;
      for (u32 i = 0; i < limit; i++)
        if (!(vcpu->lrs[i] & LR_ACTIVE) && FIELD(vcpu->lrs[i], 55, 48) > irq->priority &&
            (at == limit || FIELD(vcpu->lrs[i], 55, 48) > FIELD(vcpu->lrs[at], 55, 48)))
          at = i;
      if (at == limit)
        continue;
    } else
      used++;
    vcpu->lrs[at] = lr;
  }
  /* What the registers carry is theirs until they are collected. */
  for (u32 i = 0; i < used; i++) {
    struct vgic_irq *irq = irq_of(vcpu, LR_INTID(vcpu->lrs[i]));
    if (vcpu->lrs[i] & LR_PENDING)
      irq->pending = false;
    irq->active = false;
  }
  spin_unlock(&vm->lock);
  return left_out ? ICH_HCR_UIE : 0;
}

void vgic_collect(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  spin_lock(&vm->lock);
  for (u32 i = 0; i < ARRAY_SIZE(vcpu->lrs); i++) {
    u64 lr = vcpu->lrs[i];
    if (!(lr & (LR_PENDING | LR_ACTIVE)))
      continue;
    struct vgic_irq *irq = irq_of(vcpu, LR_INTID(lr));
    irq->active = lr & LR_ACTIVE;
    /* A level interrupt is pending while its line is: only the latch of an edge (or one set by software) is kept. */
    if ((lr & LR_PENDING) && (irq->edge || !irq->line))
      irq->pending = irq->edge;
  }
  memset(vcpu->lrs, 0, sizeof vcpu->lrs);
  spin_unlock(&vm->lock);
}

static bool is_private(u32 offset) {
  return offset >= GICR_SGI;
}

/* One register bit for each interrupt. */
static u32 bits_access(struct vcpu *vcpu, u32 kind, u32 first, bool write, u32 value) {
  u32 result = 0;
  for (u32 i = 0; i < 32; i++) {
    struct vgic_irq *irq = irq_of(vcpu, first + i);
    bool set = value >> i & 1;
    if (!irq)
      break;
    bool state = false;
    switch (kind) {
    case IGROUPR:
      if (write)
        irq->group1 = set;
      state = irq->group1;
      break;
    case ISENABLER:
    case ICENABLER:
      if (write && set)
        irq->enabled = kind == ISENABLER;
      state = irq->enabled;
      break;
    case ISPENDR:
    case ICPENDR:
      if (write && set)
        irq->pending = kind == ISPENDR;
      state = is_pending(irq);
      break;
    case ISACTIVER:
    case ICACTIVER:
      if (write && set)
        irq->active = kind == ISACTIVER;
      state = irq->active;
      break;
    }
    result |= (u32)state << i;
  }
  return result;
}

static u32 byte_access(struct vcpu *vcpu, u32 first, u32 size, bool write, u32 value) {
  u32 result = 0;
  for (u32 i = 0; i < size; i++) {
    struct vgic_irq *irq = irq_of(vcpu, first + i);
    if (!irq)
      break;
    /* Five bits of priority, as the list registers hold at least. */
    if (write)
      irq->priority = (u8)(value >> (8 * i)) & 0xf8;
    result |= (u32)irq->priority << (8 * i);
  }
  return result;
}

static u32 config_access(struct vcpu *vcpu, u32 first, bool write, u32 value) {
  u32 result = 0;
  for (u32 i = 0; i < 16; i++) {
    struct vgic_irq *irq = irq_of(vcpu, first + i);
    if (!irq)
      break;
    if (write && first >= 16)
      irq->edge = value >> (2 * i + 1) & 1;
    result |= (u32)irq->edge << (2 * i + 1);
  }
  return result;
}

/* The registers that distributor and redistributor have alike. */
static bool common_access(struct vcpu *vcpu, u32 offset, u32 size, bool write, u64 *value, bool private) {
  u32 limit = private ? PRIVATE_INTIDS : GUEST_INTIDS;
  if (offset >= IGROUPR && offset < IPRIORITYR) {
    u32 first = (offset & 0x7c) * 8;
    if (first < limit && (private || first >= PRIVATE_INTIDS))
      *value = bits_access(vcpu, offset & ~0x7fU, first, write, (u32)*value);
    else
      *value = 0;
    return true;
  }
  if (offset >= IPRIORITYR && offset < ITARGETSR) {
    u32 first = offset - IPRIORITYR;
    *value = first < limit && (private || first >= PRIVATE_INTIDS) ? byte_access(vcpu, first, size, write, (u32)*value) : 0;
    return true;
  }
  if (offset >= ICFGR && offset < ICFGR + 0x100) {
    u32 first = (offset - ICFGR) * 4;
    *value = first < limit && (private || first >= PRIVATE_INTIDS) ? config_access(vcpu, first, write, (u32)*value) : 0;
    return true;
  }
  return false;
}

static void distributor_access(struct vcpu *vcpu, u32 offset, u32 size, bool write, u64 *value) {
  struct vm *vm = vcpu->vm;
  if (common_access(vcpu, offset, size, write, value, false))
    return;
  if (offset >= IROUTER + 8 * PRIVATE_INTIDS && offset < IROUTER + 8 * GUEST_INTIDS) {
    struct vgic_irq *irq = irq_of(vcpu, (offset - IROUTER) / 8);
    bool high = offset & 4;
    if (write && !high)
      irq->target = (*value & 0xffffff) < vm->vcpu_count && !(*value & BIT(31)) ? (u8)*value : 0;
    *value = high ? 0 : irq->target;
    return;
  }
  switch (offset) {
  case CTLR:
    if (write)
      vm->gicd_ctlr = (u32)((*value & 3) | CTLR_FIXED);
    *value = vm->gicd_ctlr;
    break;
  case TYPER:
    /* 16 bits of INTID, no 1-of-N. */
    *value = (GUEST_INTIDS / 32 - 1) | 15U << 19 | BIT(25);
    break;
  case IIDR:
    *value = 0x43b;
    break;
  case PIDR2:
    *value = ARCH_REV_GICV3;
    break;
  default:
    *value = 0;
  }
}

static void redistributor_access(struct vcpu *own, u32 offset, u32 size, bool write, u64 *value) {
  struct vm *vm = own->vm;
  if (is_private(offset)) {
    if (!common_access(own, offset - GICR_SGI, size, write, value, true))
      *value = 0;
    return;
  }
  u64 typer = (u64)own->index << 32 | (u64)own->index << 8 | (own->index + 1 == vm->vcpu_count ? BIT(4) : 0);
  switch (offset) {
  case IIDR - 4:
    *value = 0x43b;
    break;
  case GICR_TYPER:
    *value = size == 8 ? typer : (u32)typer;
    break;
  case GICR_TYPER + 4:
    *value = typer >> 32;
    break;
  case GICR_WAKER:
    *value = 0;
    break;
  case PIDR2:
    *value = ARCH_REV_GICV3;
    break;
  default:
    *value = 0;
  }
}

bool vgic_access(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value) {
  struct vm *vm = vcpu->vm;
  u64 redistributors = GUEST_GICD_BASE - vm->vcpu_count * GUEST_GICR_STRIDE;
  if (ipa < redistributors || ipa >= GUEST_GICD_BASE + GUEST_GICD_SIZE)
    return false;
  spin_lock(&vm->lock);
  if (ipa >= GUEST_GICD_BASE)
    distributor_access(vcpu, (u32)(ipa - GUEST_GICD_BASE), size, write, value);
  else {
    u64 at = ipa - redistributors;
    redistributor_access(&vm->vcpus[at / GUEST_GICR_STRIDE], (u32)(at % GUEST_GICR_STRIDE), size, write, value);
  }
  spin_unlock(&vm->lock);
  /* What was enabled or made pending may be another core's. */
  if (write)
    for (u32 i = 0; i < vm->vcpu_count; i++)
      if (&vm->vcpus[i] != vcpu && vgic_pending(&vm->vcpus[i]))
        vcpu_kick(&vm->vcpus[i]);
  return true;
}

/* Registers of the guest's distributor and redistributors (IHI 0069, 12.9 and 12.11). */
#include "vgic.h"

enum { CTLR = 0x0, TYPER = 0x4, IIDR = 0x8, IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200,
       ICPENDR = 0x280, ISACTIVER = 0x300, ICACTIVER = 0x380, IPRIORITYR = 0x400, ITARGETSR = 0x800, ICFGR = 0xc00,
       IROUTER = 0x6000, PIDR2 = 0xffe8 };
enum { GICR_TYPER = 0x8, GICR_WAKER = 0x14, GICR_SGI = 0x10000 };
#define ARCH_REV_GICV3 0x30

static bool is_private(u32 offset) {
  return offset >= GICR_SGI;
}

/* One register bit for each interrupt. */
static u32 bits_access(struct vcpu *vcpu, u32 kind, u32 first, bool write, u32 value) {
  u32 result = 0;
  for (u32 i = 0; i < 32; i++) {
    struct vgic_irq *irq = vgic_irq(vcpu, first + i);
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
      state = vgic_is_pending(irq);
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
    struct vgic_irq *irq = vgic_irq(vcpu, first + i);
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
    struct vgic_irq *irq = vgic_irq(vcpu, first + i);
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
    struct vgic_irq *irq = vgic_irq(vcpu, (offset - IROUTER) / 8);
    bool high = offset & 4;
    if (write && !high)
      irq->target = (*value & 0xffffff) < vm->vcpu_count && !(*value & BIT(31)) ? (u8)*value : 0;
    *value = high ? 0 : irq->target;
    return;
  }
  switch (offset) {
  case CTLR:
    if (write)
      vm->gicd_ctlr = (u32)((*value & 3) | GICD_CTLR_FIXED);
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

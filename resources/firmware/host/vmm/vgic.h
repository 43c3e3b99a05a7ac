/* What vgic.c and vgic_registers.c share. */
#ifndef VGIC_H
#define VGIC_H

#include "vmm.h"

#define GICD_CTLR_ENABLE_GRP1 BIT(1)
#define GICD_CTLR_FIXED (BIT(4) | BIT(6)) /* ARE, DS */

/* NULL: there is no such interrupt. */
struct vgic_irq *vgic_irq(struct vcpu *vcpu, u32 intid);
/* Under the lock. */
bool vgic_is_pending(const struct vgic_irq *irq);

#endif

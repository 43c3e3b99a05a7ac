/** The hypervisor's registers about list registers, and what calls for a maintenance interrupt (IHI 0069, 6.3 and 12.4). */
import { LIST_REGISTERS } from '../../arch/registers/gic-interface.ts';
import { CORE } from './layout.ts';

/** ICH_HCR_EL2. */
export const HCR = {
  En: 1,
  UIE: 2,
  LRENPIE: 4,
  NPIE: 8,
  VGrp0EIE: 16,
  VGrp0DIE: 32,
  VGrp1EIE: 64,
  VGrp1DIE: 128,
  EOIcount: 27,
} as const;
/** ICH_MISR_EL2. */
const MISR = { EOI: 1, U: 2, LRENP: 4, NP: 8, VGrp0E: 16, VGrp0D: 32, VGrp1E: 64, VGrp1D: 128 } as const;
/** ICH_VMCR_EL2. */
export const VMCR = { VENG0: 1, VENG1: 2, VFIQEn: 8, VCBPR: 16, VEOIM: 512, VBPR1: 18, VBPR0: 21, VPMR: 24 } as const;
/** High word of a list register. */
export const LR = { eoi: 1 << 9, group1: 1 << 28, hw: 1 << 29, pending: 1 << 30, active: 1 << 31 } as const;
export const LR_STATE = LR.pending | LR.active;
/** ICH_EISR_EL2: ended, and software wants to know. */
export function ended(w: Int32Array, c: number): number {
  let bits = 0;
  for (let n = 0; n < LIST_REGISTERS; n++) {
    if ((w[c + CORE.lr + 2 * n + 1]! & (LR_STATE | LR.hw | LR.eoi)) === LR.eoi) bits |= 1 << n;
  }
  return bits;
}
/** ICH_ELRSR_EL2: free for the next interrupt. */
export function empty(w: Int32Array, c: number): number {
  let bits = 0;
  for (let n = 0; n < LIST_REGISTERS; n++) {
    const high = w[c + CORE.lr + 2 * n + 1]!;
    if (!(high & LR_STATE) && (high & LR.hw || !(high & LR.eoi))) bits |= 1 << n;
  }
  return bits;
}
/** ICH_MISR_EL2. */
export function maintenance(w: Int32Array, c: number): number {
  const hcr = w[c + CORE.hcr]!;
  const vmcr = w[c + CORE.vmcr]!;
  let valid = 0;
  let pending = 0;
  for (let n = 0; n < LIST_REGISTERS; n++) {
    const state = w[c + CORE.lr + 2 * n + 1]! & LR_STATE;
    if (state) valid++;
    if (state === LR.pending) pending++;
  }
  return (
    (ended(w, c) ? MISR.EOI : 0) |
    (hcr & HCR.UIE && valid < 2 ? MISR.U : 0) |
    (hcr & HCR.LRENPIE && hcr >>> HCR.EOIcount ? MISR.LRENP : 0) |
    (hcr & HCR.NPIE && !pending ? MISR.NP : 0) |
    (hcr & HCR.VGrp0EIE && vmcr & VMCR.VENG0 ? MISR.VGrp0E : 0) |
    (hcr & HCR.VGrp0DIE && !(vmcr & VMCR.VENG0) ? MISR.VGrp0D : 0) |
    (hcr & HCR.VGrp1EIE && vmcr & VMCR.VENG1 ? MISR.VGrp1E : 0) |
    (hcr & HCR.VGrp1DIE && !(vmcr & VMCR.VENG1) ? MISR.VGrp1D : 0)
  );
}

/**
 * The system registers of the GIC's CPU interface that are computed by the host (IHI 0069, chapter 12), as generated code names
 * them to it, and what it says of the access.
 */

/** Numbers of the registers. Those that EL1 may have redirected to the virtual interface keep theirs. */
export const GIC_REG = {
  PMR: 0,
  IAR0: 1,
  EOIR0: 2,
  HPPIR0: 3,
  BPR0: 4,
  AP0R0: 5,
  AP1R0: 6,
  DIR: 7,
  RPR: 8,
  SGI1R: 9,
  ASGI1R: 10,
  SGI0R: 11,
  IAR1: 12,
  EOIR1: 13,
  HPPIR1: 14,
  BPR1: 15,
  CTLR: 16,
  IGRPEN0: 17,
  IGRPEN1: 18,
  CTLR_EL3: 19,
  IGRPEN1_EL3: 20,
  ICH_AP0R0: 21,
  ICH_AP1R0: 22,
  ICH_HCR: 23,
  ICH_MISR: 24,
  ICH_EISR: 25,
  ICH_ELRSR: 26,
  ICH_VMCR: 27,
  /** ICH_LR0_EL2 and the others behind it; the only ones of 64 bits that can be read. */
  ICH_LR: 32,
} as const;

/**
 * The hypervisor's registers that are words of shared memory just as they read, by number: their places behind the address in
 * `GIC_VIRTUAL` of a core's state. List registers have two words each.
 */
export const KEPT_WORDS: ReadonlyMap<number, number> = new Map([
  [GIC_REG.ICH_HCR, 0],
  [GIC_REG.ICH_VMCR, 1],
  [GIC_REG.ICH_AP0R0, 2],
  [GIC_REG.ICH_AP1R0, 3],
]);
export const KEPT_LIST = 4;

/** List registers (ICH_VTR_EL2.ListRegs + 1), as QEMU's CPUs have. */
export const LIST_REGISTERS = 4;

/** How an access is made: the exception level in bits 1:0, then flags. */
export const GIC_ACCESS = {
  el: 3,
  /** Non-secure bank: below EL3 the state is not Secure, at EL3 SCR_EL3.NS is set. */
  nonSecure: 4,
  /** SCR_EL3.IRQ and FIQ. */
  irqToEl3: 8,
  fiqToEl3: 16,
  /** EL1's access, redirected by HCR_EL2.IMO or FMO: the register is ICV_*. */
  virtual: 32,
} as const;

/** Bit numbers of the control registers that exceptions are routed and masked by. */

/** SCR_EL3. */
export const SCR = {
  NS: 0,
  IRQ: 1,
  FIQ: 2,
  EA: 3,
  SMD: 7,
  HCE: 8,
  TWI: 12,
  TWE: 13,
  EEL2: 18,
  EASE: 19,
  NMEA: 20,
  FGTEn: 27,
  HXEn: 38,
  GPF: 48,
  NSE: 62,
} as const;

/** HCR_EL2. */
export const HCR = {
  VM: 0,
  FMO: 3,
  IMO: 4,
  AMO: 5,
  VF: 6,
  VI: 7,
  VSE: 8,
  DC: 12,
  TWI: 13,
  TWE: 14,
  TSC: 19,
  TGE: 27,
  HCD: 29,
  E2H: 34,
  TEA: 37,
  NV: 42,
  GPF: 48,
} as const;

/** SCTLR_ELx. */
export const SCTLR = {
  M: 0,
  A: 1,
  SA: 3,
  SA0: 4,
  UMA: 9,
  nTWI: 16,
  nTWE: 18,
  SPAN: 23,
  BT0: 35,
  BT1: 36,
  DSSBS: 44,
} as const;

/** MDSCR_EL1. */
export const MDSCR = { SS: 0, TDCC: 12, KDE: 13, MDE: 15 } as const;
/** MDCR_EL2, MDCR_EL3. */
export const MDCR2 = { TDE: 8 } as const;
export const MDCR3 = { SDD: 16 } as const;
/** OSLSR_EL1. */
export const OSLSR = { OSLK: 1 } as const;
/** HFGITR_EL2. */
export const HFGITR = { ERET: 51, SVC_EL0: 52, SVC_EL1: 53 } as const;

/** SPSR_ELx, as exceptions save and restore PSTATE (C5.2.18). */
export const SPSR = { SP: 0, M4: 4, DAIF: 6, BTYPE: 10, SSBS: 12, IL: 20, SS: 21, PAN: 22, UAO: 23, DIT: 24 } as const;

/** Security states, as the state's SECURITY holds them. */
export const SECURITY_STATE = { secure: 0, nonSecure: 1, root: 2, realm: 3 } as const;

/** Exception classes (ESR_ELx.EC). For those with a "same exception level" form, one more is that form. */
export const EC = {
  unknown: 0x00,
  wfx: 0x01,
  fp: 0x07,
  bti: 0x0d,
  illegalState: 0x0e,
  svc: 0x15,
  hvc: 0x16,
  smc: 0x17,
  sysreg: 0x18,
  eret: 0x1a,
  pacFail: 0x1c,
  gpc: 0x1e,
  instructionAbort: 0x20,
  pcAlignment: 0x22,
  dataAbort: 0x24,
  spAlignment: 0x26,
  serror: 0x2f,
  breakpoint: 0x30,
  softwareStep: 0x32,
  watchpoint: 0x34,
  brk: 0x3c,
} as const;

/** ISS of traps that carry a condition: CV set, COND always. */
export const ISS_ALWAYS = 0x1e00000;

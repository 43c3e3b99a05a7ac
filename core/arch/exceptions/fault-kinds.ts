/**
 * How a slow path says what went wrong: it fills FAULT, FAULT_ISS, FAULT_ADDR (and FAULT_IPA, FAULT_PA) of the core's state;
 * `takeFault` makes the exception of it.
 */

/** Values of FAULT. 0 means no fault. */
export const FAULT_KIND = {
  /** Data Abort (EC 0x24, 0x25). ISS as in ESR_ELx, FAR = FAULT_ADDR. */
  dataAbort: 1,
  /** Instruction Abort (EC 0x20, 0x21). ISS as in ESR_ELx, FAR = FAULT_ADDR. */
  instructionAbort: 2,
  /** PC alignment fault (EC 0x22). FAR = FAULT_ADDR. */
  pcAlignment: 3,
  /** Watchpoint (EC 0x34, 0x35). ISS: WnR, CM, DFSC 0x22. */
  watchpoint: 4,
  /** Granule Protection Check exception (EC 0x1E, to EL3). ISS as in ESR_EL3, FAULT_PA = value of MFAR_EL3. */
  gpcException: 5,
  /** SP alignment fault (EC 0x26). */
  spAlignment: 6,
  /** Breakpoint (EC 0x30, 0x31) on the instruction at PC. */
  breakpoint: 7,
  /** No exception: the core has to look at its messages, and the instruction starts again. */
  again: 8,
} as const;

/**
 * FAULT_ISS: bits [24:0] are ISS as ESR_ELx will show them (leave ISV and the syndrome of the access, bits [24:14] and AR, at 0
 * for data aborts: `takeFault` decodes the instruction where they are due); above them hints for routing.
 */
export const FAULT_HINT = {
  /** The fault was found in stage 2 (also on behalf of a stage 1 walk: S1PTW): goes to EL2, HPFAR_EL2 comes from FAULT_IPA. */
  stage2: 1 << 25,
  /** HPFAR_EL2 is to be written though the exception does not go to EL2 (GPC exceptions of stage 2). */
  ipaValid: 1 << 26,
} as const;

/** Bits of ISS that aborts share (ESR_ELx, ISS encoding for an exception from a Data Abort). */
export const ISS = {
  wnr: 1 << 6,
  s1ptw: 1 << 7,
  cm: 1 << 8,
  ea: 1 << 9,
  fnv: 1 << 10,
} as const;

/** Fault status codes (IFSC, DFSC); `level` forms are for translation level 0–3. */
export const FSC = {
  addressSize: (level: number): number => (level < 0 ? 0x29 : level),
  translation: (level: number): number => (level < 0 ? 0x2b : 4 + level),
  accessFlag: (level: number): number => 8 + level,
  permission: (level: number): number => 12 + level,
  externalAbort: 0x10,
  externalAbortOnWalk: (level: number): number => (level < 0 ? 0x13 : 0x14 + level),
  alignment: 0x21,
  debug: 0x22,
  gpfOnWalk: (level: number): number => (level < 0 ? 0x23 : 0x24 + level),
  gpf: 0x28,
  tlbConflict: 0x30,
  hardwareUpdate: 0x31,
  unsupportedAtomic: 0x35,
} as const;

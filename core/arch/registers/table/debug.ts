/**
 * Self-hosted debug and the debug communications channel (D24.3). No external debugger exists: the channel stays empty and the
 * authentication interface says disabled.
 */
import { Area, type El, type RegisterSpec, type Trap, trap } from '../define.ts';

export const area = new Area('debug');

/** Breakpoints and watchpoints. */
export const BREAKPOINTS = 6;
/** The first of those that can match a context (ID_AA64DFR0_EL1.CTX_CMPs). */
export const CONTEXT_BREAKPOINT = 4;
export const WATCHPOINTS = 4;

const from01: readonly El[] = [0, 1];
/** MDCR_EL2.TDE or TDA, MDCR_EL3.TDA. */
const TDA: readonly Trap[] = [trap('MDCR_EL2', 8, 2), trap('MDCR_EL2', 9, 2), trap('MDCR_EL3', 9, 3)];
/** The communications channel: MDCR_EL2.TDCC, MDCR_EL3.TDCC. */
const TDCC: readonly Trap[] = [trap('MDCR_EL2', 27, 2), trap('MDCR_EL3', 27, 3), ...TDA];
const DCC_EL0: readonly Trap[] = [
  trap('MDSCR_EL1', 12, 1, { from: [0] }),
  trap('HCR_EL2', 27, 2, { from: [0] }),
  trap('MDCR_EL2', 27, 2, { from: from01 }),
  trap('MDCR_EL2', 8, 2, { from: from01 }),
  trap('MDCR_EL2', 9, 2, { from: from01 }),
  trap('MDCR_EL3', 27, 3, { from: [0, 1, 2] }),
  trap('MDCR_EL3', 9, 3, { from: [0, 1, 2] }),
];

area.reg('MDCR_EL2', [3, 4, 1, 1, 1], 'Monitor Debug Configuration Register (EL2)', {
  traps: [trap('MDCR_EL3', 9, 3, { from: [2] })],
  effect: 'debugControl',
  reset: (c) => ((c.id.get('PMCR_EL0') ?? 0n) >> 11n) & 31n,
  fields: `
    HPMFZO 29 ?PMUv3p7 counters from HPMN up stop on overflow
    TDCC 27 ?FGT traps the debug communications channel
    HLP 26 ?PMUv3p5 counters from HPMN up overflow at 64 bits
    HCCD 23 ?PMUv3p5 the cycle counter does not count at EL2
    HPMD 17 ?PMUv3p1 counters below HPMN do not count at EL2
    TDRA 11 traps debug ROM registers
    TDOSA 10 traps OS lock registers
    TDA 9 traps debug registers
    TDE 8 debug exceptions go to EL2
    HPME 7 ?PMUv3 counters from HPMN up enabled
    TPM 6 ?PMUv3 traps performance monitors
    TPMCR 5 ?PMUv3 traps PMCR_EL0
    HPMN 4:0 ?PMUv3 number of counters for EL1 and EL0`,
});

area.reg('MDSCR_EL1', [2, 0, 0, 2, 2], 'Monitor Debug System Control Register', {
  traps: [TDA],
  hdfg: 4,
  effect: 'debug',
  fields: `
    TFO 31 ?TRF
    RXfull 30
    TXfull 29
    RXO 27
    TXU 26
    INTdis 23:22
    TDA 21
    MDE 15 breakpoints and watchpoints enabled
    HDE 14
    KDE 13 debug exceptions of the current level enabled
    TDCC 12 traps the communications channel at EL0
    ERR 6
    SS 0 software step enabled`,
});
area.reg('MDCCINT_EL1', [2, 0, 0, 2, 0], 'Monitor DCC Interrupt Enable Register', {
  traps: [TDCC],
  fields: 'RX 30\nTX 29',
});
area.reg('MDCCSR_EL0', [2, 3, 0, 1, 0], 'Monitor DCC Status Register', {
  writeEl: null,
  traps: [DCC_EL0],
  fields: 'RXfull 30\nTXfull 29',
});
const CHANNEL: RegisterSpec = { traps: [DCC_EL0], fields: '' };
area.reg('DBGDTR_EL0', [2, 3, 0, 4, 0], 'Debug Data Transfer Register, half-duplex', CHANNEL);
// One encoding, two registers: the receive register is read, the transmit register written.
area.reg('DBGDTRRX_EL0', [2, 3, 0, 5, 0], 'Debug Data Transfer Registers', CHANNEL);
area.reg('OSDTRRX_EL1', [2, 0, 0, 0, 2], 'OS Lock Data Transfer Register, Receive', {
  traps: [TDCC],
  fields: 'DTRRX 31:0',
});
area.reg('OSDTRTX_EL1', [2, 0, 0, 3, 2], 'OS Lock Data Transfer Register, Transmit', {
  traps: [TDCC],
  fields: 'DTRTX 31:0',
});
area.reg('OSECCR_EL1', [2, 0, 0, 6, 2], 'OS Lock Exception Catch Control Register', {
  traps: [TDA],
  hdfg: 10,
  fields: '',
});

const VALUE = 'VA 63:2 address, or context';
for (let n = 0; n < BREAKPOINTS; n++) {
  area.reg(`DBGBVR${n}_EL1`, [2, 0, 0, n, 4], `Breakpoint Value Register ${n}`, {
    traps: [TDA],
    hdfg: 1,
    effect: 'debug',
  });
  area.reg(`DBGBCR${n}_EL1`, [2, 0, 0, n, 5], `Breakpoint Control Register ${n}`, {
    traps: [TDA],
    hdfg: 0,
    effect: 'debug',
    fields: `
      SSCE 29 ?RME
      BT 23:20 kind
      LBN 19:16 linked breakpoint
      SSC 15:14 security states
      HMC 13 higher levels
      BAS 8:5 ?- =1 instructions are four bytes
      PMC 2:1 exception levels
      E 0 enabled`,
  });
}
for (let n = 0; n < WATCHPOINTS; n++) {
  area.reg(`DBGWVR${n}_EL1`, [2, 0, 0, n, 6], `Watchpoint Value Register ${n}`, {
    traps: [TDA],
    hdfg: 3,
    effect: 'debug',
    fields: VALUE,
  });
  area.reg(`DBGWCR${n}_EL1`, [2, 0, 0, n, 7], `Watchpoint Control Register ${n}`, {
    traps: [TDA],
    hdfg: 2,
    effect: 'debug',
    fields: `
      SSCE 29 ?RME
      MASK 28:24 address bits that do not matter
      WT 20 linked
      LBN 19:16 linked breakpoint
      SSC 15:14 security states
      HMC 13 higher levels
      BAS 12:5 bytes
      LSC 4:3 loads, stores
      PAC 2:1 exception levels
      E 0 enabled`,
  });
}

const TDRA: RegisterSpec = {
  writeEl: null,
  traps: [trap('MDCR_EL2', 8, 2), trap('MDCR_EL2', 11, 2), trap('MDCR_EL3', 9, 3)],
  fields: '',
};
area.reg('MDRAR_EL1', [2, 0, 1, 0, 0], 'Monitor Debug ROM Address Register', TDRA);
const TDOSA: readonly Trap[] = [trap('MDCR_EL2', 8, 2), trap('MDCR_EL2', 10, 2), trap('MDCR_EL3', 10, 3)];
area.reg('OSLAR_EL1', [2, 0, 1, 0, 4], 'OS Lock Access Register', {
  readEl: null,
  traps: [TDOSA],
  hdfg: 8,
  effect: 'osLock',
  fields: 'OSLK 0',
});
area.reg('OSLSR_EL1', [2, 0, 1, 1, 4], 'OS Lock Status Register', {
  writeEl: null,
  traps: [TDOSA],
  hdfg: 9,
  reset: 10n,
  fields: `
    OSLM1 3 OS lock implemented
    OSLK 1 locked
    OSLM0 0`,
});
area.reg('OSDLR_EL1', [2, 0, 1, 3, 4], 'OS Double Lock Register', { traps: [TDOSA], hdfg: 11, fields: 'DLK 0' });
area.reg('DBGPRCR_EL1', [2, 0, 1, 4, 4], 'Debug Power Control Register', {
  traps: [TDOSA],
  hdfg: 7,
  fields: 'CORENPDRQ 0',
});
area.reg('DBGCLAIMSET_EL1', [2, 0, 7, 8, 6], 'Debug CLAIM Tag Set register', {
  traps: [TDA],
  hdfg: 5,
  read: 'claimSet',
  effect: 'claimSet',
  fields: 'CLAIM 7:0',
  storedAs: 'DBGCLAIMCLR_EL1',
});
area.reg('DBGCLAIMCLR_EL1', [2, 0, 7, 9, 6], 'Debug CLAIM Tag Clear register', {
  traps: [TDA],
  hdfg: 5,
  effect: 'claimClear',
  fields: 'CLAIM 7:0',
});
area.reg('DBGAUTHSTATUS_EL1', [2, 0, 7, 14, 6], 'Debug Authentication Status register', {
  writeEl: null,
  traps: [TDA],
  hdfg: 6,
  reset: (c) => (c.el3 ? 0xaan : 0xan),
});

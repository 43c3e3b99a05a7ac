/** Performance monitors, PMUv3 (D13, D24.5). */
import { Area, type El, type RegisterSpec, type Trap, trap } from '../define.ts';

export const area = new Area('performance monitors');

/** Event counters (PMCR_EL0.N). */
export const COUNTERS = 6;

const below2: readonly El[] = [0, 1];
const below3: readonly El[] = [0, 1, 2];
/** PMUSERENR_EL0 at EL0 (condition by name), MDCR_EL2.TPM, MDCR_EL3.TPM. */
const user = (test: string, access: Trap['access'] = 'both'): Trap =>
  trap('PMUSERENR_EL0', 0, 1, { on: 0, from: [0], test, access });
const TPM: readonly Trap[] = [trap('MDCR_EL2', 6, 2, { from: below2 }), trap('MDCR_EL3', 6, 3, { from: below3 })];
const PMU = { feature: 'PMUv3' } as const;

area.reg('PMCR_EL0', [3, 3, 9, 12, 0], 'Performance Monitors Control Register', {
  ...PMU,
  traps: [user('pmEN'), TPM, trap('MDCR_EL2', 5, 2, { from: below2 })],
  hdfg: 21,
  read: 'pmu.PMCR',
  effect: 'pmu.PMCR',
  reset: (c) => (c.id.get('PMCR_EL0') ?? 0n) | 0x40n,
  fields: `
    IMP 31:24 ro
    IDCODE 23:16 ro
    N 15:11 ro event counters
    FZO 9 ?PMUv3p7 counters stop on overflow
    LP 7 ?PMUv3p5 event counters overflow at 64 bits
    LC 6 ?- =1 the cycle counter overflows at 64 bits
    DP 5 the cycle counter stops where counting is prohibited
    X 4
    D 3 clock divider
    C 2 resets the cycle counter
    P 1 resets the event counters
    E 0 enabled`,
});
/** A pair of registers that set and clear bits of one state. */
function pair(
  name: string,
  stored: string,
  set: RegisterSpec & { at: readonly [number, number, number, number, number] },
  clear: readonly [number, number, number, number, number],
  rest: RegisterSpec,
): void {
  const { at, ...own } = set;
  const fields = 'C 31 cycle counter\nP 30:0 event counters';
  area.reg(`${name}SET_${stored}`, at, `Performance Monitors ${name.slice(2)} Set`, {
    ...PMU,
    ...rest,
    ...own,
    read: 'pmu.bits',
    effect: 'pmu.set',
    fields,
  });
  area.reg(`${name}CLR_${stored}`, clear, `Performance Monitors ${name.slice(2)} Clear`, {
    ...PMU,
    ...rest,
    ...own,
    read: 'pmu.bits',
    effect: 'pmu.clear',
    fields,
    storedAs: `${name}SET_${stored}`,
  });
}
pair('PMCNTEN', 'EL0', { at: [3, 3, 9, 12, 1] }, [3, 3, 9, 12, 2], { traps: [user('pmEN'), TPM], hdfg: 16 });
pair('PMOVS', 'EL0', { at: [3, 3, 9, 14, 3] }, [3, 3, 9, 12, 3], { traps: [user('pmEN'), TPM], hdfg: 18 });
pair('PMINTEN', 'EL1', { at: [3, 0, 9, 14, 1] }, [3, 0, 9, 14, 2], {
  traps: [trap('MDCR_EL2', 6, 2), trap('MDCR_EL3', 6, 3)],
  hdfg: 17,
});
area.reg('PMSWINC_EL0', [3, 3, 9, 12, 4], 'Performance Monitors Software Increment', {
  ...PMU,
  readEl: null,
  writeEl: 0,
  traps: [user('pmSW'), TPM],
  hdfg: 20,
  effect: 'pmu.PMSWINC',
});
area.reg('PMSELR_EL0', [3, 3, 9, 12, 5], 'Performance Monitors Event Counter Selection', {
  ...PMU,
  traps: [user('pmER'), TPM],
  hdfg: 19,
  fields: 'SEL 4:0',
});
/** Events that are counted: software increment, instructions retired, cycles, instructions executed, chain. */
export const EVENTS = [0, 8, 17, 27, 30] as const;
/** Events that never happen here, and must be there: STALL_FRONTEND, STALL_BACKEND, STALL (D13.9, by version of the PMU). */
const STALLS = [
  [0x23, 'PMUv3p1'],
  [0x24, 'PMUv3p1'],
  [0x3c, 'PMUv3p4'],
] as const;
area.reg('PMCEID0_EL0', [3, 3, 9, 12, 6], 'Performance Monitors Common Event Identification 0', {
  ...PMU,
  writeEl: null,
  traps: [user('pmEN'), TPM],
  hdfg: 58,
  reset: (c) => (c.features.has('PMUv3') ? EVENTS.reduce((v, e) => v | (1n << BigInt(e)), 0n) : 0n),
});
area.reg('PMCEID1_EL0', [3, 3, 9, 12, 7], 'Performance Monitors Common Event Identification 1', {
  ...PMU,
  writeEl: null,
  traps: [user('pmEN'), TPM],
  hdfg: 58,
  reset: (c) => STALLS.reduce((v, [e, since]) => (c.features.has(since) ? v | (1n << BigInt(e - 32)) : v), 0n),
});
area.reg('PMCCNTR_EL0', [3, 3, 9, 13, 0], 'Performance Monitors Cycle Count', {
  ...PMU,
  traps: [user('pmCR', 'read'), user('pmEN', 'write'), TPM],
  hdfg: 15,
  read: 'pmu.count',
  effect: 'pmu.count',
});
const FILTER = `
    P 31 not at EL1
    U 30 not at EL0
    NSK 29 Non-secure EL1: P inverted
    NSU 28 Non-secure EL0: U inverted
    NSH 27 counts at EL2
    M 26 EL3: P inverted
    SH 24 ?SEL2 Secure EL2: NSH inverted
    RLK 22 ?RME Realm EL1: P inverted
    RLU 21 ?RME Realm EL0: U inverted
    RLH 20 ?RME Realm EL2: NSH inverted`;
area.reg('PMCCFILTR_EL0', [3, 3, 14, 15, 7], 'Performance Monitors Cycle Count Filter', {
  ...PMU,
  traps: [user('pmEN'), TPM],
  hdfg: 14,
  effect: 'pmu.plain',
  fields: FILTER,
});
area.reg('PMXEVTYPER_EL0', [3, 3, 9, 13, 1], 'Performance Monitors Selected Event Type', {
  ...PMU,
  traps: [user('pmEN'), TPM, trap('MDCR_EL2', 0, 2, { from: below2, test: 'pmSelected' })],
  undefined: 'selectedType',
  hdfg: 13,
  read: 'pmu.selected.type',
  effect: 'pmu.selected.type',
});
area.reg('PMXEVCNTR_EL0', [3, 3, 9, 13, 2], 'Performance Monitors Selected Event Count', {
  ...PMU,
  traps: [
    user('pmER', 'read'),
    user('pmEN', 'write'),
    TPM,
    trap('MDCR_EL2', 0, 2, { from: below2, test: 'pmSelected' }),
  ],
  undefined: 'selectedCount',
  hdfg: 12,
  read: 'pmu.selected.count',
  effect: 'pmu.selected.count',
});
area.reg('PMUSERENR_EL0', [3, 3, 9, 14, 0], 'Performance Monitors User Enable', {
  ...PMU,
  writeEl: 1,
  traps: [TPM],
  hdfg: 57,
  fields: `
    ER 3 event counters readable at EL0
    CR 2 cycle counter readable at EL0
    SW 1 software increment at EL0
    EN 0 everything accessible at EL0`,
});
area.reg('PMMIR_EL1', [3, 0, 9, 14, 6], 'Performance Monitors Machine Identification', {
  feature: 'PMUv3p4',
  writeEl: null,
  traps: [trap('MDCR_EL2', 6, 2), trap('MDCR_EL3', 6, 3)],
  hdfg: 22,
  fields: '',
});
for (let n = 0; n < COUNTERS; n++) {
  // MDCR_EL2.HPMN: counters from there up are EL2's.
  const own = trap('MDCR_EL2', 0, 2, { from: below2, test: `pmCounter${n}` });
  area.reg(`PMEVCNTR${n}_EL0`, [3, 3, 14, 8, n], `Performance Monitors Event Count ${n}`, {
    ...PMU,
    traps: [user('pmER', 'read'), user('pmEN', 'write'), TPM, own],
    hdfg: 12,
    read: 'pmu.count',
    effect: 'pmu.count',
  });
  area.reg(`PMEVTYPER${n}_EL0`, [3, 3, 14, 12, n], `Performance Monitors Event Type ${n}`, {
    ...PMU,
    traps: [user('pmEN'), TPM, own],
    hdfg: 13,
    effect: 'pmu.plain',
    fields: `${FILTER}
    evtCount 15:0 event`,
  });
}

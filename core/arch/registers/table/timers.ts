/** Generic timer (D12, D24.8): counter, offsets, and the timers of all exception levels. */
import { Area, type El, type Encoding, type RegisterSpec, scrEnable, trap } from '../define.ts';

export const area = new Area('timers');

area.reg('CNTFRQ_EL0', [3, 3, 14, 0, 0], 'Counter-timer Frequency', {
  writeEl: 1,
  traps: [trap('CNTKCTL_EL1', 0, 1, { from: [0], access: 'read', test: 'cntfrq' })],
  effect: 'cntfrq',
  fields: 'ClockFreq 31:0 ticks per second',
  reset: (c) => c.id.get('CNTFRQ_EL0') ?? 0n,
});
const count = (name: string, op2: number, title: string, virtual: boolean, feature?: string): void =>
  area.reg(name, [3, 3, 14, 0, op2], title, {
    ...(feature === undefined ? {} : { feature }),
    writeEl: null,
    read: virtual ? 'count.virtual' : 'count.physical',
    traps: virtual
      ? [
          trap('CNTKCTL_EL1', 1, 1, { from: [0], test: 'cntvct0' }),
          trap('CNTHCTL_EL2', 14, 2, { from: [0, 1], gates: ['guest'] }),
        ]
      : [
          trap('CNTKCTL_EL1', 0, 1, { from: [0], test: 'cntpct0' }),
          trap('CNTHCTL_EL2', 0, 2, { from: [0, 1], test: 'cntpct' }),
        ],
  });
count('CNTPCT_EL0', 1, 'Counter-timer Physical Count', false);
count('CNTVCT_EL0', 2, 'Counter-timer Virtual Count', true);
count('CNTPCTSS_EL0', 5, 'Counter-timer Self-Synchronized Physical Count', false, 'ECV');
count('CNTVCTSS_EL0', 6, 'Counter-timer Self-Synchronized Virtual Count', true, 'ECV');

const CNTKCTL = `
    EVNTIS 17 ?ECV event stream from bits 23 to 8
    EL0PTEN 9 physical timer accessible at EL0
    EL0VTEN 8 virtual timer accessible at EL0
    EVNTI 7:4 bit that triggers the event stream
    EVNTDIR 3 falling edge triggers
    EVNTEN 2 event stream enabled
    EL0VCTEN 1 virtual count readable at EL0
    EL0PCTEN 0 physical count readable at EL0`;
area.reg('CNTKCTL_EL1', [3, 0, 14, 1, 0], 'Counter-timer Kernel Control Register', {
  vhe: 'CNTHCTL_EL2',
  effect: 'timers',
  fields: CNTKCTL,
});
// Two layouts by HCR_EL2.E2H; bits 10 and 11 of the one with E2H are kept separate by position.
area.reg('CNTHCTL_EL2', [3, 4, 14, 1, 0], 'Counter-timer Hypervisor Control Register', {
  effect: 'timers',
  reset: 3n,
  fields: `
    CNTPMASK 19 ?RME masks the physical timer in Realm and Root state
    CNTVMASK 18 ?RME masks the virtual timer in Realm and Root state
    EVNTIS 17 ?ECV event stream from bits 23 to 8
    EL1NVVCT 16 ?ECV
    EL1NVPCT 15 ?ECV
    EL1TVCT 14 ?ECV traps the virtual count
    EL1TVT 13 ?ECV traps the virtual timer
    ECV 12 ?ECV_POFF CNTPOFF_EL2 in effect
    EL1PTEN 11 with E2H: physical timer does not trap
    EL1PCTEN 10 with E2H: physical count does not trap
    EL0PTEN 9 with E2H: physical timer accessible at EL0
    EL0VTEN 8 with E2H: virtual timer accessible at EL0
    EVNTI 7:4 bit that triggers the event stream
    EVNTDIR 3 falling edge triggers
    EVNTEN 2 event stream enabled
    EL1PCEN 1 without E2H: physical timer does not trap; with E2H: virtual count readable at EL0
    EL1PCTEN 0 without E2H: physical count does not trap; with E2H: readable at EL0`,
});
area.reg('CNTVOFF_EL2', [3, 4, 14, 0, 3], 'Counter-timer Virtual Offset', { effect: 'timers' });
area.reg('CNTPOFF_EL2', [3, 4, 14, 0, 6], 'Counter-timer Physical Offset', {
  feature: 'ECV_POFF',
  traps: [scrEnable(28, [2])],
  effect: 'timers',
});

const CTL = `
    ISTATUS 2 ro condition met
    IMASK 1 interrupt masked
    ENABLE 0 timer enabled`;
/** The three registers of a timer: `which` names it for readers and writers. */
function timer(
  which: string,
  prefix: string,
  suffix: string,
  base: Encoding,
  el: El,
  title: string,
  spec: RegisterSpec,
): void {
  const [op0, op1, crn, crm] = base;
  const stored = spec.storedAs === undefined ? null : spec.storedAs;
  const one = (op2: number, what: string, name: string, fields: string | undefined): void =>
    area.reg(`${prefix}_${what}_${suffix}`, [op0, op1, crn, crm, op2], `${title} ${name}`, {
      el,
      ...spec,
      ...(fields === undefined ? {} : { fields }),
      read: `timer.${what}.${which}`,
      effect: `timer.${what}.${which}`,
      ...(stored === null ? {} : { storedAs: `${stored}_${what === 'TVAL' ? 'CVAL' : what}_EL0` }),
      ...(stored === null && what === 'TVAL' ? { storedAs: `${prefix}_CVAL_${suffix}` } : {}),
    });
  one(0, 'TVAL', 'TimerValue', 'TimerValue 31:0 ticks to go');
  one(1, 'CTL', 'Control', CTL);
  one(2, 'CVAL', 'CompareValue', undefined);
}
timer('P', 'CNTP', 'EL0', [3, 3, 14, 2, 0], 0, 'Counter-timer Physical Timer', {
  traps: [
    trap('CNTKCTL_EL1', 9, 1, { from: [0], test: 'cntp0' }),
    trap('CNTHCTL_EL2', 1, 2, { from: [0, 1], test: 'cntp' }),
  ],
});
timer('V', 'CNTV', 'EL0', [3, 3, 14, 3, 0], 0, 'Counter-timer Virtual Timer', {
  traps: [
    trap('CNTKCTL_EL1', 8, 1, { from: [0], test: 'cntv0' }),
    trap('CNTHCTL_EL2', 13, 2, { from: [0, 1], gates: ['guest'] }),
  ],
});
timer('P02', 'CNTP', 'EL02', [3, 5, 14, 2, 0], 2, 'Physical Timer of EL1 from EL2', {
  undefined: 'e2h',
  storedAs: 'CNTP',
  alias: true,
});
timer('V02', 'CNTV', 'EL02', [3, 5, 14, 3, 0], 2, 'Virtual Timer of EL1 from EL2', {
  undefined: 'e2h',
  storedAs: 'CNTV',
  alias: true,
});
timer('HP', 'CNTHP', 'EL2', [3, 4, 14, 2, 0], 2, 'Counter-timer EL2 Physical Timer', {});
timer('HV', 'CNTHV', 'EL2', [3, 4, 14, 3, 0], 2, 'Counter-timer EL2 Virtual Timer', { feature: 'VHE' });
timer('HVS', 'CNTHVS', 'EL2', [3, 4, 14, 4, 0], 2, 'Counter-timer Secure EL2 Virtual Timer', {
  feature: 'SEL2',
  undefined: 'secure',
});
timer('HPS', 'CNTHPS', 'EL2', [3, 4, 14, 5, 0], 2, 'Counter-timer Secure EL2 Physical Timer', {
  feature: 'SEL2',
  undefined: 'secure',
});
timer('PS', 'CNTPS', 'EL1', [3, 7, 14, 2, 0], 1, 'Counter-timer Secure Physical Timer', {
  undefined: 'secureTimer',
  feature: 'EL3',
  traps: [trap('SCR_EL3', 11, 3, { on: 0, from: [1] })],
});

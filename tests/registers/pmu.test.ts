import { describe, expect, test } from 'vitest';
import { pmuOutput } from '../../core/arch/registers/pmu-lines.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { RegisterCore } from './support.ts';

const C = 1n << 31n;
const E = 1n;
const NSH = 1n << 27n;

/** Time in instructions: each access of these tests sees what `pass` has let go by. */
class Pmu extends RegisterCore {
  private done = 0n;
  pass(instructions: number): void {
    this.done += BigInt(instructions);
  }
  override run(): number {
    // BUDGET is what the run starts with; the access itself is the first instruction.
    const budget = 1000;
    this.view.setBigInt64(this.cpu + state.GRANTED, this.done + BigInt(budget), true);
    return super.run(budget);
  }
  get(name: string): bigint {
    const r = this.mrs(name);
    if (r.kind !== 'done') throw new Error(`${name}: ${r.kind}`);
    return r.value;
  }
  set(name: string, v: bigint): void {
    if (this.msr(name, v).kind !== 'done') throw new Error(name);
  }
  /** A change of world as exceptions make it: with the counters brought up to date. */
  go(el: number, security: number): void {
    this.enter(el, security);
    this.view.setBigInt64(this.cpu + state.GRANTED, this.done, true);
    this.setField32(state.BUDGET, 0);
    (this.space.core.pmuSwitch as (cpu: number) => void)(this.cpu);
  }
}
const core = new Pmu('max', { 'x-rme': true });
function fresh(el = 1, security = 1): void {
  core.reset();
  core.setReg('SCR_EL3', 0x431n);
  core.go(el, security);
}
const event = (n: number, rest = 0n): bigint => BigInt(n) | rest;

describe('cycles and instructions', () => {
  test('count while enabled', () => {
    fresh();
    core.set('PMCNTENSET_EL0', C | 1n);
    core.set('PMEVTYPER0_EL0', event(8));
    core.pass(100);
    expect(core.get('PMCCNTR_EL0')).toBe(0n);
    core.set('PMCR_EL0', E);
    core.pass(250);
    expect(core.get('PMCCNTR_EL0')).toBe(250n);
    expect(core.get('PMEVCNTR0_EL0')).toBe(250n);
    core.set('PMCNTENCLR_EL0', 1n);
    core.pass(50);
    expect(core.get('PMCCNTR_EL0')).toBe(300n);
    expect(core.get('PMEVCNTR0_EL0')).toBe(250n);
    core.set('PMCR_EL0', E | 2n | 4n);
    expect(core.get('PMCCNTR_EL0')).toBe(0n);
    expect(core.get('PMEVCNTR0_EL0')).toBe(0n);
    expect(core.get('PMCR_EL0')).toBe(0x41013041n);
  });
  test('written values are where they go on', () => {
    fresh();
    core.set('PMCNTENSET_EL0', C | 2n);
    core.set('PMEVTYPER1_EL0', event(0x11));
    core.set('PMCR_EL0', E);
    core.pass(10);
    core.set('PMCCNTR_EL0', 1_000_000n);
    core.set('PMEVCNTR1_EL0', 0xffff_ffffn);
    core.pass(5);
    expect(core.get('PMCCNTR_EL0')).toBe(1_000_005n);
    expect(core.get('PMEVCNTR1_EL0')).toBe(0x1_0000_0004n);
    expect(core.get('PMOVSSET_EL0')).toBe(2n);
  });
  test('other events do not count', () => {
    fresh();
    core.set('PMCNTENSET_EL0', 3n);
    core.set('PMEVTYPER0_EL0', event(0x3));
    core.set('PMEVTYPER1_EL0', event(0x1b));
    core.set('PMCR_EL0', E);
    core.pass(10);
    expect([core.get('PMEVCNTR0_EL0'), core.get('PMEVCNTR1_EL0')]).toEqual([0n, 10n]);
  });
});

describe('overflow', () => {
  test('at 32 bits or 64, and into a chained counter', () => {
    fresh();
    core.set('PMCNTENSET_EL0', 15n);
    core.set('PMEVTYPER0_EL0', event(8));
    core.set('PMEVTYPER1_EL0', event(0x1e));
    core.set('PMEVTYPER2_EL0', event(8));
    core.set('PMEVCNTR0_EL0', 0xffff_fff0n);
    core.set('PMEVCNTR2_EL0', 0xffff_fff0n);
    core.set('PMCR_EL0', E);
    core.pass(32);
    expect(core.get('PMEVCNTR1_EL0')).toBe(1n);
    expect(core.get('PMOVSCLR_EL0')).toBe(5n);
    core.set('PMOVSCLR_EL0', 1n);
    expect(core.get('PMOVSSET_EL0')).toBe(4n);
    core.set('PMCR_EL0', E | 0x80n);
    core.set('PMEVCNTR2_EL0', (1n << 64n) - 8n);
    core.set('PMOVSCLR_EL0', 15n);
    core.pass(8);
    expect(core.get('PMOVSSET_EL0')).toBe(4n);
    expect(core.get('PMEVCNTR2_EL0')).toBe(0n);
  });
  test('interrupts when asked to, and says when that will be', () => {
    fresh();
    core.set('PMCNTENSET_EL0', C | 1n);
    core.set('PMEVTYPER0_EL0', event(8));
    core.set('PMEVCNTR0_EL0', 0xffff_ff00n);
    core.set('PMCR_EL0', E);
    expect(pmuOutput(core.view, core.cpu)).toEqual({ asserted: false, remaining: null });
    core.set('PMINTENSET_EL1', 1n);
    expect(pmuOutput(core.view, core.cpu).remaining).toBeLessThanOrEqual(256);
    expect(pmuOutput(core.view, core.cpu).remaining).toBeGreaterThan(250);
    core.pass(300);
    core.get('PMEVCNTR0_EL0');
    expect(pmuOutput(core.view, core.cpu).asserted).toBe(true);
    core.set('PMINTENCLR_EL1', 1n);
    expect(pmuOutput(core.view, core.cpu).asserted).toBe(false);
  });
  test('PMCR_EL0.FZO stops the others', () => {
    fresh();
    core.set('PMCNTENSET_EL0', C | 3n);
    for (const n of [0, 1]) core.set(`PMEVTYPER${n}_EL0`, event(8));
    core.set('PMEVCNTR0_EL0', 0xffff_ffffn);
    core.set('PMCR_EL0', E | (1n << 9n));
    core.pass(10);
    const at = core.get('PMEVCNTR1_EL0');
    core.pass(10);
    core.set('PMSELR_EL0', 0n);
    core.pass(10);
    expect(core.get('PMOVSSET_EL0')).toBe(1n);
    core.set('PMSWINC_EL0', 0n);
    const frozen = core.get('PMEVCNTR1_EL0');
    core.pass(100);
    expect(core.get('PMEVCNTR1_EL0')).toBe(frozen);
    expect(frozen).toBeGreaterThanOrEqual(at);
    core.set('PMOVSCLR_EL0', 1n);
    core.pass(7);
    expect(core.get('PMEVCNTR1_EL0')).toBe(frozen + 7n);
  });
});

describe('what counts where', () => {
  /** Instructions counted by a counter with this filter, in 100 at each level and security state. */
  function counted(filter: bigint, setup: Record<string, bigint> = {}): string {
    const seen: string[] = [];
    for (const [el, security, name] of [
      [0, 1, 'N0'],
      [1, 1, 'N1'],
      [2, 1, 'N2'],
      [1, 0, 'S1'],
      [0, 3, 'R0'],
      [2, 3, 'R2'],
      [3, 2, 'E3'],
    ] as const) {
      core.reset();
      core.setReg('SCR_EL3', 0x431n);
      core.enter(3, 2);
      for (const [r, v] of Object.entries(setup)) core.setReg(r, v);
      core.set('PMEVTYPER3_EL0', event(8, filter));
      core.set('PMCNTENSET_EL0', 8n);
      core.set('PMCR_EL0', E);
      core.go(el, security);
      core.pass(100);
      core.go(3, 2);
      const v = core.reg('PMEVCNTR3_EL0');
      if (v >= 100n) seen.push(name);
    }
    return seen.join(' ');
  }
  test.each([
    [0n, 'N0 N1 R0 E3'],
    [1n << 31n, 'N0 R0'],
    [1n << 30n, 'N1 E3'],
    [(1n << 31n) | (1n << 29n), 'N0 N1 R0'],
    [1n << 28n, 'N1 R0 E3'],
    [NSH, 'N0 N1 N2 R0 R2 E3'],
    [NSH | (1n << 20n), 'N0 N1 N2 R0 E3'],
    [1n << 21n, 'N0 N1 E3'],
    [1n << 26n, 'N0 N1 R0'],
  ])('filter %x: %s', (filter, want) => {
    expect(counted(filter)).toBe(want);
  });
  test('Secure state needs MDCR_EL3.SPME; EL2 and EL3 can be left out', () => {
    expect(counted(NSH, { MDCR_EL3: 1n << 17n })).toBe('N0 N1 N2 S1 R0 R2 E3');
    expect(counted(NSH, { MDCR_EL2: 6n | (1n << 17n) })).toBe('N0 N1 R0 E3');
    expect(counted(NSH, { MDCR_EL3: 1n << 35n })).toBe('N0 N1 N2 S1 R0 R2');
  });
});

describe('the hypervisor', () => {
  test('keeps counters from HPMN up to itself', () => {
    fresh();
    core.setReg('MDCR_EL2', 2n | (1n << 7n));
    expect((core.get('PMCR_EL0') >> 11n) & 31n).toBe(2n);
    core.set('PMCNTENSET_EL0', (1n << 32n) - 1n);
    expect(core.get('PMCNTENSET_EL0')).toBe(C | 3n);
    expect(core.mrs('PMEVCNTR2_EL0')).toMatchObject({ kind: 'trap', to: 2 });
    core.go(2, 1);
    expect((core.get('PMCR_EL0') >> 11n) & 31n).toBe(6n);
    core.set('PMEVTYPER2_EL0', event(8));
    core.set('PMCNTENSET_EL0', 4n);
    expect(core.get('PMCNTENSET_EL0')).toBe(C | 7n);
    core.go(1, 1);
    core.pass(40);
    core.go(2, 1);
    expect(core.get('PMEVCNTR2_EL0')).toBe(40n);
    expect(core.get('PMCCNTR_EL0')).toBe(0n);
  });
});

describe('registers', () => {
  test('PMSWINC counts where the event is SW_INCR', () => {
    fresh();
    core.set('PMCNTENSET_EL0', 3n);
    core.set('PMEVTYPER0_EL0', event(0));
    core.set('PMEVTYPER1_EL0', event(8));
    core.set('PMCR_EL0', E);
    core.set('PMSWINC_EL0', 3n);
    core.set('PMSWINC_EL0', 1n);
    expect(core.get('PMEVCNTR0_EL0')).toBe(2n);
  });
  test('PMXEVTYPER and PMXEVCNTR go to the selected counter', () => {
    fresh();
    core.set('PMSELR_EL0', 4n);
    core.set('PMXEVTYPER_EL0', event(8));
    core.set('PMXEVCNTR_EL0', 77n);
    expect([core.get('PMEVTYPER4_EL0'), core.get('PMEVCNTR4_EL0')]).toEqual([8n, 77n]);
    expect(core.get('PMXEVCNTR_EL0')).toBe(77n);
    core.set('PMSELR_EL0', 31n);
    core.set('PMXEVTYPER_EL0', NSH | 0xffn);
    expect(core.get('PMCCFILTR_EL0')).toBe(NSH);
    expect(core.get('PMXEVTYPER_EL0')).toBe(NSH);
    expect(core.mrs('PMXEVCNTR_EL0').kind).toBe('undefined');
    core.set('PMSELR_EL0', 6n);
    expect(core.mrs('PMXEVTYPER_EL0').kind).toBe('undefined');
  });
  test.each([
    ['PMCCNTR_EL0', 'mrs', 0b0100n],
    ['PMEVCNTR0_EL0', 'mrs', 0b1000n],
    ['PMXEVCNTR_EL0', 'mrs', 0b1000n],
    ['PMSELR_EL0', 'msr', 0b1000n],
    ['PMSWINC_EL0', 'msr', 0b0010n],
    ['PMCCNTR_EL0', 'msr', 0n],
    ['PMCR_EL0', 'mrs', 0n],
  ] as const)('%s (%s) at EL0 needs EN or %i of PMUSERENR', (name, access, bit) => {
    for (let v = 0n; v < 16n; v++) {
      fresh(0);
      core.setReg('PMUSERENR_EL0', v);
      const o = access === 'mrs' ? core.mrs(name) : core.msr(name, 0n);
      expect([v, o.kind]).toEqual([v, v & (bit | 1n) ? 'done' : 'trap']);
    }
  });
  test('CPUs before PMUv3p5 have 32-bit event counters', () => {
    const old = new Pmu('cortex-a72');
    old.set('PMCNTENSET_EL0', 1n);
    old.set('PMEVTYPER0_EL0', event(8));
    old.set('PMEVCNTR0_EL0', 0xf_ffff_fff0n);
    old.set('PMCR_EL0', E);
    old.setReg('MDCR_EL3', 1n << 17n);
    old.go(3, 0);
    old.pass(32);
    expect(old.get('PMEVCNTR0_EL0')).toBe(16n);
    expect(old.get('PMOVSSET_EL0')).toBe(1n);
  });
  test('events of each version: stalls are known since PMUv3p1, and never count', () => {
    expect(new Pmu('cortex-a72').get('PMCEID1_EL0')).toBe(0n);
    fresh();
    expect(core.get('PMCEID0_EL0')).toBe((1n << 0n) | (1n << 8n) | (1n << 17n) | (1n << 27n) | (1n << 30n));
    expect(core.get('PMCEID1_EL0')).toBe((1n << 3n) | (1n << 4n) | (1n << 28n));
    core.set('PMEVTYPER0_EL0', event(0x23));
    core.set('PMCNTENSET_EL0', 1n);
    core.set('PMCR_EL0', E);
    core.pass(1000);
    expect(core.get('PMEVCNTR0_EL0')).toBe(0n);
  });
  test('nothing is in use after reset', () => {
    fresh();
    expect(core.field32(regOffset('pmu in use'))).toBe(0);
    core.set('PMCNTENSET_EL0', C);
    expect(core.field32(regOffset('pmu in use'))).toBe(0);
    core.set('PMCR_EL0', E);
    expect(core.field32(regOffset('pmu in use'))).not.toBe(0);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compare, describe as describeMismatch } from './check.ts';
import { BLOB, CODE, EL1H, environmentOf, RESULTS, translationTables, VIEWS, WINDOW } from './environment.ts';
import { findAnyQemu, findQemu11, QemuExecutor, qemuVersion } from './qemu-executor.ts';
import { caseOf } from './recipe.ts';
import { RECORD_BYTES, SLOT, type State } from './state.ts';
import { sampleCases } from './testing.ts';
import { stateFromSeed } from './values.ts';

const qemu = findAnyQemu();
const withQemu = describe.skipIf(qemuVersion(qemu) === undefined);
const withQemu11 = describe.skipIf(findQemu11(false) === undefined);

describe('the rig', () => {
  it('agrees with environment.ts and state.ts on every place', () => {
    const source = readFileSync(new URL('./rig/rig.S', import.meta.url), 'utf8');
    const constant = (name: string) => {
      const text = new RegExp(`\\.equ\\s+${name},\\s+(\\S+)`).exec(source)?.[1] ?? '';
      return text.split('*').reduce((product, factor) => product * Number(factor), 1);
    };
    expect(constant('BLOB')).toBe(BLOB);
    expect(constant('RESULTS')).toBe(RESULTS);
    expect(constant('CODE')).toBe(CODE);
    expect(constant('WINDOW')).toBe(WINDOW);
    expect(constant('RECORD')).toBe(RECORD_BYTES);
    const slots = { SP: 'sp', SP_EL0: 'spEl0', PSTATE: 'pstate', FPCR: 'fpcr', FPSR: 'fpsr', ESR: 'esr', FAR: 'far' };
    const more = { PC: 'pc', VECTOR: 'vector', V: 'v', MEMORY: 'memory', SYSTEM: 'system' };
    for (const [name, slot] of Object.entries({ ...slots, ...more })) {
      expect(constant(`R_${name}`)).toBe(8 * SLOT[slot as keyof typeof SLOT]);
    }
  });

  it('has translation tables in which every view leads to the window', () => {
    const level3 = translationTables().subarray(3 * 512);
    for (const view of VIEWS) {
      const page = (view.address >> 12) & 511;
      const outputs = [level3[page], level3[page + 1]].map((entry) => Number((entry >> 12n) & 0xfffffn));
      const present = { both: [true, true], lower: [true, false], upper: [false, true] }[view.mapped];
      expect(outputs).toEqual(present.map((there, half) => (there ? (WINDOW >> 12) + half : 0)));
    }
  });
});

withQemu('the rig under QEMU', () => {
  const run = (environment: string, words: number[], set: Record<number, bigint>) => {
    const input = stateFromSeed(1, 'mixed');
    for (const [slot, value] of Object.entries(set)) input.slots[Number(slot)] = value;
    return new QemuExecutor(qemu, environmentOf(environment)).run([{ words, input }])[0];
  };

  it('gives back every register and all memory of a case that does nothing', () => {
    const cases = Array.from({ length: 50 }, (_, seed) => ({
      words: [0xd503201f],
      input: stateFromSeed(seed, 'mixed'),
    }));
    const states = new QemuExecutor(qemu, environmentOf('plain')).run(cases);
    cases.forEach(({ input }, index) => {
      expect(states[index].slots).toEqual(input.slots);
    });
  });

  it('reports exceptions with syndrome, address and state', () => {
    // ADD X1, X1, #1; LDR X2, [X3], #8, of a page that is not there.
    const state = run('plain', [0x91000421, 0xf8408462], { 1: 41n, 2: 7n, 3: 0x4700_2010n });
    expect(state.x(1)).toBe(42n);
    expect(state.x(2)).toBe(7n);
    expect(state.x(3)).toBe(0x4700_2010n);
    expect(state.esr).toBe(0x9600_0007);
    expect(state.far).toBe(0x4700_2010n);
    expect(state.pc).toBe(BigInt(CODE + 4));
  });

  it('runs cases at EL0, with its own stack pointer and rights', () => {
    const user = VIEWS.find(({ name }) => name === 'user')!.address;
    const set = { [SLOT.pstate]: 0x3c0n, [SLOT.spEl0]: BigInt(user), [SLOT.sp]: 16n };
    // ADD X0, SP, #0; LDR X1, [SP]; MRS X2, CurrentEL, which EL0 must not do.
    const state = run('plain', [0x910003e0, 0xf94003e1, 0xd5384242], set);
    expect(state.x(0)).toBe(BigInt(user));
    expect(state.x(1)).toBe(state.slots[SLOT.memory]);
    expect(state.esr).toBe(0x0200_0000);
    expect(Number(state.pstate) & 15).toBe(0);
  });

  it('captures the system registers that an environment names', () => {
    // MSR TPIDR_EL0, X0; AT S1E1R, X1.
    const state = run('system', [0xd51bd040, 0xd5087801], {
      0: 0x1234n,
      1: BigInt(WINDOW),
      [SLOT.pstate]: BigInt(EL1H),
    });
    expect(state.slots[SLOT.system]).toBe(0x1234n);
    expect(state.slots[SLOT.system + 2] & 0xff_ffff_f001n).toBe(0x4700_0000n);
  });

  it('gives the same twice, whatever ran before', () => {
    const cases = sampleCases(2000).map(caseOf);
    const executor = new QemuExecutor(qemu, environmentOf('plain'));
    const once = executor.run(cases);
    const again = executor.run(cases.toReversed()).reverse();
    expect(compare(cases, once, again).map((mismatch) => describeMismatch(mismatch))).toEqual([]);
  });
});

withQemu11('pointer authentication under QEMU 11.1', () => {
  it('differs by algorithm', () => {
    // PACGA X0, X1, X2
    const cases = Array.from({ length: 20 }, (_, seed) => ({
      words: [0x9ac23020],
      input: stateFromSeed(seed, 'mixed'),
    }));
    const run = (algorithm: string): State[] => new QemuExecutor(qemu, environmentOf(`pauth-${algorithm}`)).run(cases);
    const [five, three] = [run('qarma5'), run('qarma3')];
    expect(five.filter((state, index) => state.x(0) === three[index].x(0))).toEqual([]);
  });
});

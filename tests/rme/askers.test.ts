/** Granules that are Non-secure only (FEAT_RME_GPC2, GPCCR_EL3.NSO): the check goes by who asks, not by the address space alone. */
import { beforeAll, describe, expect, it } from 'vitest';
import { GPCCR } from '../../core/arch/granules/format.ts';
import { RAM, type TranslationMachine } from '../translation/machine.ts';
import { RW2, S1 } from '../translation/tables.ts';
import { KERNEL } from '../translation/world.ts';
import { GPI, LDR, PAGE, PAS, RmeWorld, rmeMachine, VA } from './world.ts';

const AF = 1n << 10n;
const NSO = 1n << BigInt(GPCCR.NSO);
const TABLES = RAM + 0xa0_0000n;
const IPA = 0x1_0000_0000n;
let m: TranslationMachine;
beforeAll(() => {
  m = rmeMachine();
});

/** Worlds where an exception level has PAGE at VA, in the Non-secure address space. */
const ASKERS: readonly (readonly [string, number, number, (w: RmeWorld) => void])[] = [
  ['Non-secure EL1', PAS.nonSecure, 1, (w) => w.w.lower.map(VA, PAGE, KERNEL)],
  ['Non-secure EL2', PAS.nonSecure, 2, (w) => w.own(2, TABLES).map(VA, PAGE, AF)],
  ['Secure EL1', PAS.secure, 1, (w) => w.w.lower.map(VA, PAGE, KERNEL | S1.ns)],
  ['Realm EL2', PAS.realm, 2, (w) => w.own(2, TABLES).map(VA, PAGE, AF | S1.ns)],
  [
    'Realm EL1',
    PAS.realm,
    1,
    (w) => {
      w.w.lower.map(VA, IPA, KERNEL);
      w.w.stage2(RAM + 0x80_0000n).map(IPA, PAGE, RW2 | (1n << 55n));
    },
  ],
  ['EL3', PAS.nonSecure, 3, (w) => w.own(3, TABLES).map(VA, PAGE, AF | S1.ns)],
];
const MAY = ['Non-secure EL1', 'Non-secure EL2', 'EL3'];

describe.each(ASKERS)('%s', (name, security, el, map) => {
  it.each([
    ['Non-secure', GPI.nonSecure, true],
    ['Non-secure only', GPI.nonSecureOnly, MAY.includes(name)],
  ] as const)('%s granule', (_code, gpi, passes) => {
    const w = new RmeWorld(m, security);
    map(w);
    const t = w.gpt();
    t.granule(PAGE, gpi);
    w.on(t, NSO);
    w.enter(el);
    const taken = w.exec(LDR, el, VA);
    if (passes) expect(taken.exception).toBe(0);
    else expect(taken).toMatchObject({ exception: el, iss: 0x28 });
  });
});

it('a Secure walk through Non-secure tables is Secure state’s', () => {
  const w = new RmeWorld(m, PAS.secure);
  w.w.lower.map(VA, PAGE, KERNEL);
  const two = w.w.lower.entry(VA, 2);
  m.write64(two, m.read64(two)! | (1n << 63n));
  const t = w.gpt();
  for (const [gpi, faults] of [
    [GPI.nonSecure, false],
    [GPI.nonSecureOnly, true],
  ] as const) {
    t.granule(w.w.lower.entry(VA, 3) & ~0xfffn, gpi);
    w.on(t, NSO);
    w.enter(1);
    const r = m.translate(VA, 3);
    expect('pa' in r).toBe(!faults);
    if (faults) expect(r).toMatchObject({ iss: 0x27 });
  }
});

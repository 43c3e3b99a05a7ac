/** Code at EL3, Realm EL2, Realm EL1 and Non-secure EL2 on two cores: no state reaches another's memory by any path. */
import { describe, expect, it } from 'vitest';
import { Observer } from '../../core/observe/observer.ts';
import {
  ALIAS,
  GPC,
  GPI,
  type Monitor,
  type Noted,
  OK,
  PAGES,
  PLACES,
  runMonitor,
  TABLES,
  type World,
} from './monitor.ts';

const P = PAGES;
const TEXT = 0x1122_3344_5566_7788n;
const MODES = [
  { engine: 'normal', deterministic: false },
  { engine: 'interpreter', deterministic: false },
  { engine: 'normal', deterministic: true },
] as const;
const data = (world: World, at: number): number => (world === 'ns2' ? at : at + ALIAS);
const ecs = (list: readonly Noted[]): number[] => list.map((n) => n.ec);

describe.each(MODES)('two cores, %o', (mode) => {
  it('a granule is reached by the world that its code names, on both cores', async () => {
    const worlds = ['ns2', 'realm2', 'realm1'] as const;
    const noted = await runMonitor(
      (a) => {
        for (const [i, gpi] of [GPI.nonSecure, GPI.realm, GPI.root, GPI.none].entries()) {
          void gpi;
          for (const w of worlds)
            for (const r of ['load', 'store', 'add', 'wipe'] as const) a.in(w, r, data(w, P + i * 0x1000)).note();
        }
      },
      { ...mode, granules: [GPI.nonSecure, GPI.realm, GPI.root, GPI.none].map((g, i) => [P + i * 0x1000, g]) },
    );
    const four = (ec: number): number[] => [ec, ec, ec, ec];
    const wanted = [
      [OK, GPC, GPC],
      [GPC, OK, OK],
      [GPC, GPC, GPC],
      [GPC, GPC, GPC],
    ].flatMap((row) => row.flatMap(four));
    for (const list of noted) expect(ecs(list)).toEqual(wanted);
  });

  it('a stale TLB of the other core serves until the TLBI is complete, and not afterwards', async () => {
    const rounds = 12;
    const noted = await runMonitor(
      (a, core) => {
        for (let i = 0; i < rounds; i++) {
          if (core === 1) {
            a.in('ns2', 'load', P);
            a.meet().meet();
            a.in('ns2', 'load', P).note();
            a.in('ns2', 'store', P, 7).note();
            a.in('realm2', 'load', P + ALIAS).note();
            a.meet().meet();
            a.in('realm2', 'load', P + ALIAS).note();
          } else {
            a.meet();
            a.granule(P, GPI.realm);
            a.meet().meet();
            a.granule(P, GPI.nonSecure);
            a.meet();
          }
        }
      },
      { ...mode, granules: [[P, GPI.nonSecure]] },
    );
    expect(ecs(noted[1]!)).toEqual(Array.from({ length: rounds }, () => [GPC, GPC, OK, GPC]).flat());
  });

  it('tables and code that the other core gives to another state serve no walk and no fetch any more', async () => {
    const taken: readonly (readonly [granule: number, world: World, to: number])[] = [
      [TABLES.ns, 'ns2', GPI.realm],
      [TABLES.realm, 'realm2', GPI.nonSecure],
      [TABLES.stage2, 'realm1', GPI.nonSecure],
      [PLACES.ns2, 'ns2', GPI.realm],
      [PLACES.realm2, 'realm2', GPI.root],
      [PLACES.realm1, 'realm1', GPI.nonSecure],
    ];
    const noted = await runMonitor((a, core) => {
      for (const [n, [granule, world, to]] of taken.entries()) {
        // A page each time that no TLB has.
        for (const [step, gpi] of [null, to, GPI.any].entries()) {
          if (core === 0 && gpi !== null) a.granule(granule, gpi);
          a.meet();
          if (core === 1) a.in(world, 'load', data(world, P + 0x1000 * (3 * n + step))).note();
          a.meet();
        }
      }
    }, mode);
    expect(ecs(noted[1]!)).toEqual(taken.flatMap(() => [OK, GPC, OK]));
  });

  it('a write of the other core’s context spoils its block of 16 bytes; a new key there, all of it', async () => {
    const words = [0, 8, 16, 24, 32, 40, 48, 56];
    const noted = await runMonitor(
      (a, core) => {
        a.set('MECID_A0_EL2', 5 + core);
        if (core === 1) {
          a.meet();
          a.in('realm2', 'store', P + ALIAS + 24, 42)
            .in('realm2', 'load', P + ALIAS + 24)
            .note();
          a.meet().meet();
          a.in('realm2', 'call', 0xc40001b6n, 5n << 32n);
          a.meet();
          return;
        }
        const look = (): void => {
          for (const at of words) a.in('realm2', 'load', P + ALIAS + at).note();
        };
        for (const at of words) a.in('realm2', 'store', P + ALIAS + at, TEXT + BigInt(at));
        a.meet().meet();
        look();
        a.meet().meet();
        look();
      },
      { ...mode, granules: [[P, GPI.realm]] },
    );
    expect(noted[1]!.map((n) => n.value)).toEqual([42n]);
    const whole = noted[0]!.map(({ value }, i) => value === TEXT + BigInt(words[i % words.length]!));
    expect(whole).toEqual([true, true, false, false, true, true, true, true, ...words.map(() => false)]);
  });

  it('what Realm wrote is noise to Non-secure state when the granule changes hands, and comes back whole', async () => {
    const noted = await runMonitor(
      (a, core) => {
        if (core === 1) {
          a.meet();
          a.in('ns2', 'load', P).note();
          a.in('ns2', 'load', P + 16).note();
          a.meet();
          return;
        }
        a.set('MECID_A0_EL2', 5);
        a.in('realm2', 'store', P + ALIAS, TEXT).in('realm2', 'store', P + ALIAS + 16, TEXT);
        a.granule(P, GPI.nonSecure).meet().meet();
        a.granule(P, GPI.realm);
        a.in('realm2', 'load', P + ALIAS).note();
        a.in('realm2', 'load', P + ALIAS + 16).note();
      },
      { ...mode, granules: [[P, GPI.realm]] },
    );
    expect(noted[0]!.map((n) => n.value)).toEqual([TEXT, TEXT]);
    const [first, second] = noted[1]!.map((n) => n.value);
    expect(new Set([first, second, TEXT, 0n]).size).toBe(4);
  });

  it('two contexts on two cores: each reads its own, neither the other’s; both find theirs whole', async () => {
    const noted = await runMonitor(
      (a, core) => {
        const own = P + 0x1000 * core + ALIAS;
        const other = P + 0x1000 * (1 - core) + ALIAS;
        a.set('VMECID_A_EL2', 5 + core).set('MECID_A0_EL2', 5 + core);
        for (let i = 0; i < 4; i++) a.in('realm1', 'store', own + 64 * i, TEXT + BigInt(i));
        a.meet();
        for (let i = 0; i < 4; i++) a.in('realm1', 'load', other + 64 * i).note();
        for (let i = 0; i < 4; i++) a.in('realm2', 'load', other + 64 * i).note();
        a.meet();
        for (let i = 0; i < 4; i++) a.in('realm1', 'load', own + 64 * i).note();
        a.meet();
        // Both at the same page at the same time, again and again.
        for (let i = 0; i < 20; i++) a.in(i % 2 ? 'realm1' : 'realm2', 'load', P + ALIAS + 64 * (i % 4)).note();
      },
      {
        ...mode,
        granules: [
          [P, GPI.realm],
          [P + 0x1000, GPI.realm],
        ],
      },
    );
    for (const [core, list] of noted.entries()) {
      expect(ecs(list).every((ec) => ec === OK)).toBe(true);
      const values = list.map((n) => n.value);
      expect(values.slice(0, 4)).toEqual(values.slice(4, 8));
      for (const v of values.slice(0, 8)) expect([TEXT, TEXT + 1n, TEXT + 2n, TEXT + 3n, 0n]).not.toContain(v);
      expect(values.slice(8, 12)).toEqual([0n, 1n, 2n, 3n].map((i) => TEXT + i));
      const contended = values.slice(12);
      contended.forEach((v, i) => {
        if (core === 0) expect(v).toBe(TEXT + BigInt(i % 4));
        else expect(v).toBe(contended[i % 4]);
      });
      if (core === 1) for (const v of contended) expect(v === TEXT).toBe(false);
    }
  });

  it('destroys a realm and starts another on the same granule with another MECID, a hundred times: nothing is mismatched', async () => {
    const cycles = 100;
    let mismatches: unknown;
    const noted = await runMonitor(
      (a, core) => {
        if (core === 1) {
          // Another realm, at work meanwhile.
          a.set('VMECID_A_EL2', 1000);
          a.in('realm1', 'store', P + 0x1000 + ALIAS, TEXT);
          for (let i = 0; i < 60; i++) a.in('realm1', 'add', P + 0x1000 + ALIAS, 1);
          a.in('realm1', 'load', P + 0x1000 + ALIAS).note();
          return;
        }
        cycle(a, cycles);
      },
      {
        ...mode,
        granules: [
          [P, GPI.nonSecure],
          [P + 0x1000, GPI.realm],
        ],
        watch: (system) => {
          const observer = new Observer(system, 'faults');
          return () => {
            observer.refresh();
            mismatches = [observer.memory.counts['context-mismatch'], observer.memory.counts['granule-fault']];
            observer.close();
          };
        },
      },
    );
    expect(mismatches).toEqual([0, 0]);
    expect(noted[1]).toEqual([{ value: TEXT + 60n, ec: OK }]);
    expect(noted[0]).toHaveLength(3);
    expect(noted[0]!.map((n) => n.value)).toEqual([0n, BigInt(cycles), 0n]);
  });
});

/** Delegate, run a realm, scrub, undelegate, over and over: X28 counts values that were wrong, X29 the rounds. */
function cycle(a: Monitor, cycles: number): void {
  const [WRONG, ROUND, MECID] = [28, 29, 19];
  const expectValue = (v: bigint): void => {
    const fine = a.fresh();
    a.movImm(2, v).subs(2, 1, 2).cbz(2, fine).addImm(WRONG, WRONG, 1).label(fine);
    // Back by SMC, or it is wrong as well.
    const back = a.fresh();
    a.mrs(2, 3, 6, 5, 2, 0)
      .word(0xd35afc42)
      .movImm(3, OK)
      .subs(2, 2, 3)
      .cbz(2, back)
      .addImm(WRONG, WRONG, 1)
      .label(back);
  };
  a.movImm(WRONG, 0).movImm(ROUND, 0);
  a.label('cycle');
  a.in('ns2', 'store', P, TEXT).in('ns2', 'load', P);
  expectValue(TEXT);
  a.granule(P, GPI.realm);
  // The realm's MECID, 2 to 101; its key is new.
  a.addImm(MECID, ROUND, 2).msr(MECID, 3, 4, 10, 9, 1).msr(MECID, 3, 4, 10, 8, 1);
  a.in('realm2', 'call', 0xc40001b6n, 3n << 32n);
  a.in('realm1', 'wipe', P + ALIAS);
  a.in('realm1', 'load', P + ALIAS + 0xff8);
  expectValue(0n);
  a.in('realm1', 'store', P + ALIAS + 0x200, TEXT + 3n);
  a.in('realm1', 'add', P + ALIAS + 0x200, 4n);
  a.in('realm2', 'load', P + ALIAS + 0x200);
  expectValue(TEXT + 7n);
  // RMM scrubs with its own context, and gives the granule back.
  a.set('MECID_A0_EL2', 0);
  a.in('realm2', 'wipe', P + ALIAS).in('realm2', 'load', P + ALIAS + 0x200);
  expectValue(0n);
  a.granule(P, GPI.nonSecure);
  a.in('ns2', 'wipe', P).in('ns2', 'load', P + 0x200);
  expectValue(0n);
  a.addImm(ROUND, ROUND, 1).movImm(2, cycles).subs(2, ROUND, 2).cbnz(2, 'cycle');
  a.noteOwn(WRONG).noteOwn(ROUND).movImm(0, 0).noteOwn(0);
}

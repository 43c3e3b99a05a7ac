/** What an observer sees of code at EL3, Realm EL2, Realm EL1 and Non-secure EL2 on two cores. */
import { describe, expect, it } from 'vitest';
import type { MemoryEvent } from '../../core/observe/faults.ts';
import { Observer } from '../../core/observe/observer.ts';
import type { System } from '../../core/system/api.ts';
import type { WatchDepth } from '../../core/system/probe.ts';
import { ALIAS, GPI, type Monitor, type MonitorOptions, PAGES, PLACES, runImage, type World } from '../rme/monitor.ts';

const P = PAGES;
const TEXT = 0x1122_3344_5566_7788n;
const MODES = [
  { engine: 'normal', deterministic: false },
  { engine: 'compiled', deterministic: true },
] as const;
const data = (world: World, at: number): number => (world === 'ns2' ? at : at + ALIAS);
/** Offsets of the load and the store in a place's routines. */
const [LOAD, STORE] = [0, 0x40];

/** Runs a program under an observer; `look` sees it when the machine has ended. */
async function observed<T>(
  program: (a: Monitor, core: number) => void,
  options: MonitorOptions,
  look: (observer: Observer, system: System) => T,
  depth: WatchDepth = 'el2',
): Promise<T> {
  let seen: T | undefined;
  const { how } = await runImage(program, {
    ...options,
    watch: (system) => {
      const observer = new Observer(system, depth);
      return () => {
        observer.refresh();
        seen = look(observer, system);
        observer.close();
      };
    },
  });
  expect(how).toBe('exit 0');
  return seen!;
}

it.each(MODES)('granule protection faults, and contexts that meet each other’s pages, %o', async (mode) => {
  const events = await observed(
    (a, core) => {
      if (core === 1) return;
      a.set('MECID_A0_EL2', 5);
      a.in('realm2', 'store', P + ALIAS, TEXT);
      a.in('ns2', 'load', P);
      a.in('ns2', 'store', P + 0x1008);
      a.in('realm1', 'load', P + 0x2000 + ALIAS);
      a.set('MECID_A0_EL2', 6).set('VMECID_A_EL2', 7);
      a.in('realm2', 'load', P + ALIAS + 8);
      a.in('realm1', 'store', P + ALIAS + 8, 1);
      a.in('realm1', 'load', P + ALIAS + 8);
      // What is wiped before it is read is no mismatch.
      a.in('realm2', 'wipe', P + ALIAS).in('realm2', 'load', P + ALIAS);
    },
    {
      ...mode,
      granules: [
        [P, GPI.realm],
        [P + 0x1000, GPI.root],
        [P + 0x2000, GPI.nonSecure],
      ],
    },
    (o) => o.memory.last,
  );
  const realm = (mecid: number): unknown => ({ pas: 'realm', mecid, generation: 0 });
  const line = (e: MemoryEvent): unknown[] => [
    e.kind,
    e.access,
    e.world,
    e.el,
    e.pc,
    e.pas,
    e.address,
    e.owner,
    e.accessor,
  ];
  const { ns2, realm2, realm1 } = PLACES;
  const fault = 'granule-fault';
  expect(events.map(line)).toEqual([
    [fault, 'read', 'normal', 2, BigInt(ns2 + LOAD), 'normal', P, realm(5), null],
    [fault, 'write', 'normal', 2, BigInt(ns2 + STORE), 'normal', P + 0x1000, null, null],
    [fault, 'read', 'realm', 1, BigInt(realm1 + LOAD), 'realm', P + 0x2000, null, null],
    ['context-mismatch', 'read', 'realm', 2, BigInt(realm2 + LOAD), 'realm', P, realm(5), realm(6)],
    ['takeover', 'write', 'realm', 1, BigInt(realm1 + STORE), 'realm', P, realm(6), realm(7)],
  ]);
  expect(events.every((e) => e.core === 0)).toBe(true);
  for (let i = 1; i < events.length; i++) expect(events[i]!.at).toBeGreaterThanOrEqual(events[i - 1]!.at);
});

it('a mismatch in the model of QEMU’s RFC, too: its reads show 0xdeadbeef', async () => {
  const events = await observed(
    (a, core) => {
      if (core === 1) return;
      a.set('MECID_A0_EL2', 5);
      a.in('realm2', 'store', P + ALIAS, TEXT);
      a.set('MECID_A0_EL2', 6);
      a.in('realm2', 'load', P + ALIAS).in('realm2', 'store', P + ALIAS);
    },
    { mec: { enabled: true, model: 'deadbeef' }, granules: [[P, GPI.realm]] },
    (o) => o.memory.last,
  );
  expect(events.map((e: MemoryEvent) => [e.kind, e.owner?.mecid, e.accessor?.mecid])).toEqual([
    ['context-mismatch', 5, 6],
    ['takeover', 5, 6],
  ]);
});

describe('worlds', () => {
  const rounds = 40;
  const trips = (a: Monitor): void => {
    for (let i = 0; i < rounds; i++) for (const w of ['ns2', 'realm2', 'realm1'] as const) a.in(w, 'load', data(w, P));
  };

  it.each(MODES)('counts, residency and switches, %o', async (mode) => {
    const { totals, lanes, short, dropped } = await observed(trips, mode, (o) => ({
      totals: o.worlds.totals(),
      lanes: o.worlds.lanes(0, 1e9, 1000),
      short: o.worlds.lanes(0, 1e9, 10),
      dropped: o.dropped,
    }));
    expect(dropped).toBe(0);
    for (const { counts, seconds, switches } of totals) {
      expect([counts.normal.entries, counts.normal.exits]).toEqual([rounds, rounds]);
      expect([counts.realm.entries, counts.realm.exits]).toEqual([2 * rounds, 2 * rounds]);
      expect([counts.secure.entries, counts.secure.exits]).toEqual([0, 0]);
      expect(switches).toBe(6 * rounds);
      // A load and the SMC behind it.
      expect(counts.normal.instructions).toBe(2 * rounds);
      expect(counts.realm.instructions).toBe(4 * rounds);
      expect(seconds.root).toBeGreaterThan(0);
      expect(seconds.realm).toBeGreaterThan(0);
      expect(seconds.secure).toBe(0);
    }
    for (const { segments, switches } of lanes) {
      expect(switches).toHaveLength(6 * rounds);
      expect(switches.slice(0, 6).map((s) => [s.kind, s.from, s.fromEl, s.to, s.toEl])).toEqual([
        ['eret', 'root', 3, 'normal', 2],
        ['smc', 'normal', 2, 'root', 3],
        ['eret', 'root', 3, 'realm', 2],
        ['smc', 'realm', 2, 'root', 3],
        ['eret', 'root', 3, 'realm', 1],
        ['smc', 'realm', 1, 'root', 3],
      ]);
      expect(switches[0]!.pc).toBe(BigInt(PLACES.ns2 + LOAD));
      for (let i = 1; i < segments.length; i++) expect(segments[i]!.from).toBe(segments[i - 1]!.to);
      expect(new Set(segments.map((s) => `${s.world} ${s.el}`))).toEqual(
        new Set(['root 3', 'normal 2', 'realm 2', 'realm 1']),
      );
    }
    // Too long for the segments wanted: each as the core was for most of it.
    for (const { segments, switches, rate } of short) {
      expect(segments.length).toBeLessThanOrEqual(10);
      // Too many to be shown: their rate says what there is.
      expect(switches).toEqual([]);
      expect(rate).toBeGreaterThan(0);
      if (mode.deterministic) expect(segments.every((s) => s.world === 'root')).toBe(true);
    }
  });

  it('counts go on without an observer; nothing else is recorded', async () => {
    let counts: unknown;
    const { how } = await runImage(trips, {
      watch: (system) => () => {
        const { perCore, instructions } = system.stats();
        counts = perCore.map(({ worlds }) => worlds.realm.entries);
        const ran = perCore.flatMap(({ worlds }) => Object.values(worlds).map((w) => w.instructions));
        expect(ran.reduce((sum, n) => sum + n, 0)).toBe(instructions);
        expect(system.probe.dropped).toBe(0);
      },
    });
    expect([how, counts]).toEqual(['exit 0', [2 * rounds, 2 * rounds]]);
  });
});

describe('memory', () => {
  const own = (a: Monitor, core: number): void => {
    if (core === 1) return;
    a.set('MECID_A0_EL2', 5);
    a.in('realm2', 'store', P + ALIAS, TEXT);
    a.set('MECID_A0_EL2', 6);
    a.in('realm2', 'store', P + 0x1000 + ALIAS, TEXT);
    a.in('ns2', 'store', P + 0x2000, TEXT);
  };
  const granules: [number, number][] = [
    [P, GPI.realm],
    [P + 0x1000, GPI.realm],
    [P + 0x2000, GPI.nonSecure],
  ];
  const word = (bytes: Uint8Array): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);

  it('granules by range, by address, as a map, in sum; what changed is hot', async () => {
    const seen = await observed(own, { granules }, (o, system) => ({
      stretches: [...o.granules.stretches(P - 0x1000, P + 0x4000)],
      at: o.granules.at(P + 0x1234),
      map: o.granules.map(P, P + 0x4000, 4),
      coarse: o.granules.map(P, P + 0x40000, 4),
      summary: o.granules.summary(),
      contexts: o.granules.contexts(),
      // Memory of DMA becomes Non-secure.
      request: system.probe.protection!.request(P + 0x1000, 8, false, () => {}),
      later: o.granules.map(P, P + 0x4000, 4),
    }));
    expect([...seen.map.heat]).toEqual([0, 0, 0, 0]);
    expect([...seen.later.heat].map((h) => h > 200)).toEqual([false, true, false, false]);
    expect(seen.stretches.map((s) => [s.from, s.to, s.state, s.owner?.pas ?? null, s.owner?.mecid ?? null])).toEqual([
      [P - 0x1000, P, 'any', null, null],
      [P, P + 0x1000, 'realm', 'realm', 5],
      [P + 0x1000, P + 0x2000, 'realm', 'realm', 6],
      [P + 0x2000, P + 0x3000, 'non-secure', 'normal', null],
      [P + 0x3000, P + 0x4000, 'any', null, null],
    ]);
    expect([seen.at.from, seen.at.to, seen.at.owner?.mecid]).toEqual([P + 0x1000, P + 0x2000, 6]);
    const kinds = [...seen.map.kind].map((n) => seen.map.kinds[n]!);
    expect(kinds.map((k) => [k.state, k.mecid])).toEqual([
      ['realm', 5],
      ['realm', 6],
      ['non-secure', null],
      ['any', null],
    ]);
    expect(seen.coarse.bucketBytes).toBe(0x10000);
    expect([...seen.coarse.kind].map((n) => seen.coarse.kinds[n]!.state)).toEqual(['any', 'any', 'any', 'any']);
    expect([seen.summary.realm, seen.summary['non-secure']]).toEqual([0x2000, 0x1000]);
    const mine = seen.contexts.filter((c) => c.owner.pas === 'realm' && c.owner.mecid! > 0);
    expect(mine.map((c) => [c.owner.mecid, c.bytes])).toEqual([
      [5, 0x1000],
      [6, 0x1000],
    ]);
  });

  it.each(['exact', 'deadbeef'] as const)('as any space and MECID would find it: %s', async (model) => {
    const seen = await observed(own, { granules, mec: { enabled: true, model } }, (o) => {
      const as = (at: number, pas: 'root' | 'realm' | 'normal' | 'secure', mecid = 0): [bigint, boolean] => {
        const { bytes, foreign } = o.readAs(at, 8, pas, mecid);
        return [word(bytes), foreign];
      };
      return {
        mine: as(P, 'realm', 5),
        other: as(P, 'realm', 6),
        again: as(P, 'realm', 6),
        elsewhere: as(P + 0x1000, 'realm', 5),
        root: as(P, 'root'),
        normal: as(P, 'normal'),
        plain: as(P + 0x2000, 'normal'),
        after: as(P, 'realm', 5),
      };
    });
    expect(seen.mine).toEqual([TEXT, false]);
    expect(seen.after).toEqual([TEXT, false]);
    expect(seen.plain).toEqual([TEXT, false]);
    expect(seen.again).toEqual(seen.other);
    if (model === 'deadbeef') {
      expect(seen.other).toEqual([0xdeadbeefdeadbeefn, true]);
      expect(seen.elsewhere).toEqual([0xdeadbeefdeadbeefn, true]);
    } else {
      const noise = [seen.other, seen.elsewhere, seen.root, seen.normal];
      expect(noise.every(([, foreign]) => foreign)).toBe(true);
      expect(new Set([TEXT, ...noise.map(([v]) => v)]).size).toBe(5);
    }
  });
});

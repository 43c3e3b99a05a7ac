import { describe, expect, test } from 'vitest';
import { FilteredCalls } from '../../core/host/observe-calls.ts';
import { exitText, functionOf, resultText } from '../../core/observe/functions.ts';
import { RealmTracker } from '../../core/observe/realms.ts';
import { PAYLOAD, WATCH_KIND, type WatchRecord } from '../../core/system/watch-record.ts';

/** Security state << 2 | level. */
const NS_EL2 = (1 << 2) | 2;
const R_EL2 = (3 << 2) | 2;
const R_EL1 = (3 << 2) | 1;
const EL3 = (2 << 2) | 3;
const EC_SMC = 0x17;
const COMPLETE = 0xc400018fn;

/** Plays a core's records into a tracker. */
function play() {
  const tracker = new RealmTracker();
  let time = 0;
  const blank = { core: 0, detail: 0, pc: 0n, a: 0, b: 0 };
  const record = (kind: number, from: number, to: number, x0: bigint, detail = 0): void =>
    tracker.calls.add({ ...blank, kind, from, to, detail, time: (time += 1000), address: BigInt.asUintN(64, x0) });
  const payload = (kind: number, from: number, detail: number, bytes: Uint8Array): void => {
    const place = { ...blank, kind, from, to: 0, detail, time, address: 0n } satisfies WatchRecord;
    tracker.calls.addPayload(place, bytes);
  };
  const words = (values: readonly bigint[]): void => {
    const all = new BigUint64Array(8);
    all.set(values);
    payload(WATCH_KIND.words, 1, 0, new Uint8Array(all.buffer, 0, 32));
    payload(WATCH_KIND.words, 5, 0, new Uint8Array(all.buffer, 32, 32));
  };
  const page = (fields: Readonly<Record<number, bigint>>): void => {
    const whole = new DataView(new ArrayBuffer(4096));
    for (const [at, value] of Object.entries(fields)) whole.setBigUint64(Number(at), BigInt.asUintN(64, value), true);
    for (const at of new Set(Object.keys(fields).map((k) => Number(k) & ~31))) {
      payload(WATCH_KIND.bytes, 0, at, new Uint8Array(whole.buffer, at, PAYLOAD.bytes));
    }
  };
  const smc = (from: number, to: number, id: bigint, args: readonly bigint[], pageOf = {}): void => {
    record(WATCH_KIND.entry, from, to, id, EC_SMC << 8);
    words(args);
    page(pageOf);
  };
  const back = (from: number, to: number, x0: bigint, results: readonly bigint[] = [], pageOf = {}): void => {
    record(WATCH_KIND.return, from, to, x0);
    words(results);
    page(pageOf);
  };
  /** A call of the host's to RMM, by way of EL3. */
  const rmi = (
    n: bigint,
    args: readonly bigint[],
    answer: readonly bigint[] = [0n],
    pages: [object?, object?] = [],
    inside = () => {},
  ): void => {
    smc(NS_EL2, EL3, 0xc4000000n + n, args, pages[0]);
    record(WATCH_KIND.return, EL3, R_EL2, 0xc4000000n + n);
    inside();
    smc(R_EL2, EL3, COMPLETE, answer);
    back(EL3, NS_EL2, answer[0]!, answer.slice(1), pages[1]);
  };
  /** Nothing more comes. */
  const done = (): void => {
    tracker.calls.flush();
    tracker.calls.flush();
  };
  return { tracker, record, smc, back, rmi, done };
}
const all = (tracker: RealmTracker, filter = '') => new FilteredCalls(tracker.calls).page(0, 100, filter);

const RD = 0x50001000n;
const REC = 0x50002000n;
/** As RMI_REALM_CREATE's and RMI_REC_CREATE's pages have them. */
const PARAMS = { 8: 40n, 48: 0n, 2048: 7n, 2056: 0x50010000n, 2064: 1n, 2072: 1n, 2088: 9n };
const REC_PARAMS = { 0: 1n, 256: 0x80000000n, 2048: 1n, 2056: 0x50003000n };

function aRealm() {
  const p = play();
  p.rmi(0x151n, [RD]);
  p.rmi(0x158n, [RD, 0x60000000n], [0n], [PARAMS]);
  p.rmi(0x15dn, [RD, 0x50011000n, 0n, 2n]);
  p.rmi(0x15dn, [RD, 0x50012000n, 0n, 3n]);
  p.rmi(0x153n, [RD, 0x50020000n, 0x1000n, 0x60001000n, 1n]);
  p.rmi(0x15an, [RD, REC, 0x60002000n], [0n], [REC_PARAMS]);
  p.rmi(0x157n, [RD]);
  return p;
}

describe('calls', () => {
  test('have their names, arguments, results, worlds and duration', () => {
    const { tracker, rmi, done } = play();
    rmi(0x150n, [0x10000n], [0n, 0x10000n, 0x10001n]);
    rmi(0x15dn, [RD, 0n, 0n, 3n], [0x204n]);
    done();
    const { calls, total } = all(tracker);
    expect(total).toBe(2);
    expect(calls[0]).toMatchObject({
      ...{ name: 'RMI_VERSION', from: 'normal', to: 'realm', depth: 0, core: 0, failed: false },
      ...{ arguments: [{ name: 'req', value: '0x10000' }], result: 'SUCCESS lower=0x10000 higher=0x10001' },
    });
    expect(calls[0]!.seconds).toBeCloseTo(3e-6, 9);
    expect(calls[1]).toMatchObject({
      name: 'RMI_RTT_CREATE',
      result: 'ERROR_RTT 2',
      failed: true,
      realm: '0x50001000',
    });
  });

  test('RMM’s own calls to EL3 are inside of the host’s', () => {
    const { tracker, rmi, smc, back, done } = play();
    rmi(0x151n, [RD], [0n], [], () => {
      smc(R_EL2, EL3, 0xc40001b0n, [RD]);
      back(EL3, R_EL2, 0n);
    });
    done();
    expect(all(tracker).calls.map((c) => [c.depth, c.name, c.result])).toEqual([
      [0, 'RMI_GRANULE_DELEGATE', 'SUCCESS'],
      [1, 'RMM_GTSI_DELEGATE', 'OK'],
    ]);
  });

  test('one that goes on has no result, and what is not known is called by its number', () => {
    const { tracker, smc, done } = play();
    smc(NS_EL2, EL3, 0xc2001234n, [1n, 2n, 3n]);
    done();
    const [call] = all(tracker).calls;
    expect(call).toMatchObject({ name: 'SMC_C2001234', result: null, seconds: null });
    expect(call!.arguments).toEqual([1, 2, 3].map((n) => ({ name: `x${n}`, value: `0x${n}` })));
  });

  test('a filter takes words, name, result, realm and core; it goes on where it was', () => {
    const { tracker, rmi, done } = aRealm();
    done();
    const filtered = new FilteredCalls(tracker.calls);
    const names = (text: string) => filtered.page(0, 100, text).calls.map((c) => c.name);
    expect(names('name:rtt_')).toEqual(['RMI_RTT_CREATE', 'RMI_RTT_CREATE']);
    expect(names('0x50020000')).toEqual(['RMI_DATA_CREATE']);
    expect(names('realm:0x50001000 activate')).toEqual(['RMI_REALM_ACTIVATE']);
    expect(names('core:1')).toEqual([]);
    expect(names('result:error')).toEqual([]);
    rmi(0x157n, [RD], [2n]);
    done();
    expect(names('result:error')).toEqual(['RMI_REALM_ACTIVATE']);
    expect(filtered.page(1, 1, 'name:rtt_')).toMatchObject({ first: 1, total: 2, calls: [{ name: 'RMI_RTT_CREATE' }] });
  });

  test('with more calls than can be looked at in one go, a filter says how many are left, and comes to all of them', () => {
    const { tracker, done } = aRealm();
    done();
    const { kept } = tracker.calls;
    const like = kept.get(0)!;
    const count = 300_000;
    for (let number = 0; number < count; number++) {
      kept.put({ ...like, number, core: number % 100 === 0 ? 1 : 0, page: new Map() });
    }
    const filtered = new FilteredCalls(tracker.calls);
    let page = filtered.page(0, 10, 'core:1');
    expect(page.behind).toBeGreaterThan(0);
    for (let asked = 0; page.behind > 0 && asked < 10_000; asked++) page = filtered.page(0, 10, 'core:1');
    expect(page).toMatchObject({ behind: 0, total: count / 100 });
    expect(page.calls[1]!.number).toBe(100);
  });

  test('statuses of each interface', () => {
    const text = (id: number, x0: bigint) => resultText(functionOf(id), BigInt.asUintN(64, x0));
    expect(text(0xc4000003, -4n)).toEqual({ text: 'ALREADY_ON', failed: true });
    expect(text(0x84000000, 0x10001n)).toEqual({ text: '0x10001', failed: false });
    expect(text(0xc4000192, 3n)).toEqual({ text: 'INCOMPLETE', failed: false });
    expect(text(0xc4000151, -1n)).toEqual({ text: 'NOT_SUPPORTED', failed: true });
    expect(text(0xc40001b0, -3n)).toEqual({ text: 'E_RMM -3', failed: true });
  });
});

describe('realms', () => {
  test('are made of what calls say: identity, tables, memory, RECs, life', () => {
    const { tracker, done } = aRealm();
    done();
    const [realm] = tracker.realms;
    expect(realm).toMatchObject({
      rd: RD,
      state: 'active',
      vmid: 7,
      mecid: 9,
      ipaBits: 40,
      hash: 'SHA-256',
      startLevel: 1,
    });
    expect([...realm!.tables.values()].map((t) => t.level)).toEqual([2, 3]);
    expect(realm!.data.get(0x1000n)).toBe(0x50020000n);
    expect([...realm!.recs.values()]).toMatchObject([{ rec: REC, mpidr: 0x80000000n, runnable: true, core: null }]);
    expect(realm!.events.map((e) => e.text.split(':')[0])).toEqual([
      'created',
      'memory',
      'REC 0x80000000 created',
      'activated',
    ]);
    const uses = { rd: RD, rec: REC, 'rec-aux': 0x50003000n, rtt: 0x50011000n, data: 0x50020000n };
    for (const [use, address] of Object.entries(uses)) expect(tracker.useOf(address + 8n)?.use).toBe(use);
    expect(tracker.useOf(0x60000000n)).toBeUndefined();
  });

  test('time in it, why it left, measurements, and that it switched itself off', () => {
    const { tracker, rmi, record, smc, back, done } = aRealm();
    const exit = { 2048: 3n, 2560: 0x84000008n };
    rmi(0x15cn, [REC, 0x60003000n], [0n], [{}, exit], () => {
      record(WATCH_KIND.return, R_EL2, R_EL1, 0n);
      smc(R_EL1, R_EL2, 0xc4000192n, [0n]);
      back(R_EL2, R_EL1, 0n, [0x0123456789abcdefn, 0n, 0n, 1n]);
      smc(R_EL1, R_EL2, 0x84000008n, []);
    });
    done();
    const [realm] = tracker.realms;
    expect(realm!.state).toBe('system-off');
    expect(realm!.measurements.get(0)).toBe(`efcdab8967452301${'0'.repeat(32)}0100000000000000`);
    expect(realm!.seconds).toBeCloseTo(2e-6, 9);
    const [rec] = realm!.recs.values();
    expect(rec).toMatchObject({ core: null, enters: 1 });
    expect(exitText(rec!.lastExit!)).toBe('PSCI 0x84000008');
    expect(all(tracker, 'realm:0x50001000 name:rsi').calls).toMatchObject([{ depth: 1, from: 'realm', to: 'realm' }]);
  });

  test('a call that failed changes nothing; a destroyed realm is history, and its descriptor may serve another', () => {
    const { tracker, rmi, done } = aRealm();
    rmi(0x159n, [RD], [2n]);
    done();
    expect(tracker.realms[0]!.state).toBe('active');
    rmi(0x155n, [RD, 0x1000n], [0n, 0x50020000n, 0n]);
    rmi(0x15bn, [REC]);
    rmi(0x159n, [RD]);
    rmi(0x152n, [RD]);
    rmi(0x158n, [RD, 0x60000000n], [0n], [PARAMS]);
    done();
    expect(tracker.realms.map((r) => [r.generation, r.state])).toEqual([
      [1, 'destroyed'],
      [2, 'new'],
    ]);
    expect(tracker.realms[0]!.data.size).toBe(0);
    expect(tracker.useOf(0x50020000n)?.use).toBe('delegated');
    expect(tracker.find(RD)?.generation).toBe(2);
  });
});

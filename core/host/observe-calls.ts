/** Calls and realms of a run, as the views have them. */
import type { KeptCall } from '../observe/call-columns.ts';
import type { CallLog } from '../observe/calls.ts';
import { exitText, functionOf, resultText } from '../observe/functions.ts';
import type { Observer } from '../observe/observer.ts';
import { entryBytes, type ObservedRealm, type ObservedRtt } from '../observe/realms.ts';
import type { Call, CallPage, Realm, RealmDetail, RttNode } from './observation.ts';
import { toHex } from './values.ts';

export function callOf(kept: KeptCall): Call {
  const { function: f, results } = kept;
  const named = f.arguments.map((name, n) => ({ name, value: toHex(kept.arguments[n] ?? 0n) }));
  // What is not in the tables: the first of its registers, by their names.
  const raw = [1, 2, 3].map((n) => ({ name: `x${n}`, value: toHex(kept.arguments[n - 1]!) }));
  const result = results && resultText(f, results[0]!);
  const outputs =
    results && result && !result.failed ? f.results.map((name, n) => `${name}=${toHex(results[n + 1] ?? 0n)}`) : [];
  return {
    ...{ number: kept.number, at: kept.at, core: kept.core, depth: kept.depth, from: kept.from, to: kept.to },
    name: f.name,
    arguments: f.service === 'other' ? raw : named,
    result: result && [result.text, ...outputs.slice(0, 4)].join(' '),
    failed: result?.failed ?? false,
    seconds: kept.seconds,
    realm: kept.realm === null ? null : toHex(kept.realm),
  };
}

/** What a filter asks for: plain words, and `name:`, `result:`, `realm:`, `core:`; all have to be met. */
export type CallTest = (call: Call) => boolean;
export interface CallFilter {
  readonly test: CallTest;
  /** False: no call of this function passes. Spares looking at the call. */
  readonly mayBe: (id: number) => boolean;
}

export function parseFilter(text: string): CallFilter {
  const tests: CallTest[] = [];
  const names: string[] = [];
  for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const [, key, value] = /^(name|result|realm|core):(.*)$/.exec(word) ?? [null, '', word];
    if (key === 'name') names.push(value!);
    else if (key === 'result') tests.push((c) => (c.result ?? '').toLowerCase().includes(value!));
    else if (key === 'realm') tests.push((c) => c.realm !== null && (value === '' || c.realm.includes(value!)));
    else if (key === 'core') tests.push((c) => String(c.core) === value);
    else {
      tests.push((c) =>
        [c.name, c.result ?? '', ...c.arguments.map((a) => `${a.name}=${a.value}`)].some((s) =>
          s.toLowerCase().includes(word),
        ),
      );
    }
  }
  const fits = new Map<number, boolean>();
  const mayBe = (id: number): boolean => {
    let known = fits.get(id);
    if (known === undefined) {
      const name = functionOf(id).name.toLowerCase();
      known = names.every((n) => name.includes(n));
      fits.set(id, known);
    }
    return known;
  };
  return { mayBe, test: (call) => tests.every((t) => t(call)) };
}

/** Milliseconds of looking at calls in one go, and calls between two looks at the clock: more would keep others waiting. */
const AT_ONCE = { ms: 20, calls: 1000 } as const;
/** Filters whose matches are kept. */
const FILTERS = 4;

interface Matches {
  readonly filter: CallFilter;
  readonly numbers: number[];
  /** Calls before this number have been looked at. */
  looked: number;
  /** Of the numbers, those before this belong to calls that are not kept any more. */
  gone: number;
}

/** Pages of calls that pass a filter. */
export class FilteredCalls {
  private readonly log: CallLog;
  private readonly matches = new Map<string, Matches>();

  constructor(log: CallLog) {
    this.log = log;
  }
  page(first: number, count: number, filter: string): CallPage {
    const { kept } = this.log;
    if (filter.trim() === '') {
      const from = Math.max(first, kept.first);
      const to = Math.min(from + count, kept.end);
      return { first: from, total: kept.end, behind: 0, calls: range(from, to).map((n) => callOf(kept.get(n)!)) };
    }
    const matches = this.update(filter);
    const from = Math.max(first, matches.gone);
    const numbers = matches.numbers.slice(from, from + count);
    const behind = kept.end - matches.looked;
    return { first: from, total: matches.numbers.length, behind, calls: numbers.map((n) => callOf(kept.get(n)!)) };
  }
  /** Looks at what is new, for a while; the rest is looked at when it is asked again. */
  private update(text: string): Matches {
    const { kept } = this.log;
    let found = this.matches.get(text);
    if (found) this.matches.delete(text);
    else found = { filter: parseFilter(text), numbers: [], looked: kept.first, gone: 0 };
    this.matches.set(text, found);
    if (this.matches.size > FILTERS) this.matches.delete(this.matches.keys().next().value!);
    found.looked = Math.max(found.looked, kept.first);
    const until = performance.now() + AT_ONCE.ms;
    for (; found.looked < kept.end; found.looked++) {
      if (found.looked % AT_ONCE.calls === 0 && performance.now() > until) break;
      if (!found.filter.mayBe(kept.idOf(found.looked))) continue;
      if (found.filter.test(callOf(kept.get(found.looked)!))) found.numbers.push(found.looked);
    }
    while (found.numbers[found.gone]! < kept.first) found.gone++;
    return found;
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);

/** MECID of what is in a granule. */
const mecidAt = (observer: Observer, address: bigint): number | null =>
  observer.granules.at(Number(address)).owner?.mecid ?? null;

export function realmOf(observer: Observer, realm: ObservedRealm): Realm {
  const recs = [...realm.recs.values()];
  const [data] = realm.data.values();
  const { hasContexts } = observer;
  return {
    ...{ rd: toHex(realm.rd), name: nameOf(realm), state: realm.state, vmid: realm.vmid },
    mecid: hasContexts && data !== undefined ? mecidAt(observer, data) : null,
    hostMecid: hasContexts ? realm.mecid : null,
    recs: { total: recs.length, running: recs.filter((r) => r.core !== null).length },
    ...{ ramBytes: realm.data.size * 4096, rttGranules: realm.tables.size + realm.startTables.length },
    ...{ rim: realm.state === 'new' ? null : measurement(realm, 0), seconds: realm.seconds },
  };
}

/** The personalization value, where it is a text. */
export function nameOf({ personalization }: ObservedRealm): string | null {
  const text = Buffer.from(personalization ?? []).toString('latin1');
  return /^([\x20-\x7e]+)\0*$/.exec(text)?.[1]?.trim() || null;
}

/** What the realm read, or what follows from the calls. */
const measurement = (realm: ObservedRealm, index: number): string | null =>
  realm.measurements.get(index) ?? realm.computed?.at(index) ?? null;

/** By MECIDs of memory: those under which the host knows them, of realms that are there. */
export function hostMecids(observer: Observer): Map<number, number> {
  const found = new Map<number, number>();
  for (const realm of observer.realms.realms) {
    const [data] = realm.data.values();
    const mecid = realm.state === 'destroyed' || data === undefined ? null : mecidAt(observer, data);
    if (mecid !== null) found.set(mecid, realm.mecid);
  }
  return found;
}

export function detailOf(observer: Observer, realm: ObservedRealm): RealmDetail {
  const name = (index: number): string => (index === 0 ? 'RIM' : `REM${index - 1}`);
  return {
    realm: realmOf(observer, realm),
    events: realm.events,
    recs: [...realm.recs.values()].map((r) => ({
      ...{ rec: toHex(r.rec), mpidr: toHex(r.mpidr), runnable: r.runnable, core: r.core },
      lastExit: r.lastExit && exitText(r.lastExit),
    })),
    measurements: MEASUREMENTS.flatMap((index) => {
      const value = realm.state === 'new' ? null : measurement(realm, index);
      return value === null ? [] : { name: name(index), value, read: realm.measurements.has(index) };
    }),
    personalization: realm.personalization && Buffer.from(realm.personalization).toString('hex'),
    token: realm.token && {
      at: realm.token.at,
      bytes: realm.token.bytes && Buffer.from(realm.token.bytes).toString('base64'),
    },
    rtt: rttOf(realm),
  };
}

/** RIM, and four that the realm extends. */
const MEASUREMENTS = [0, 1, 2, 3, 4];
/** Granules of data that are named below one table. */
const NAMED = 64;

/** Tables under each other by what they translate, with the data granules of the last level. */
function rttOf(realm: ObservedRealm): RttNode[] {
  const span = (level: number): bigint => 512n * entryBytes(level);
  const tables = [...realm.tables.values()];
  const node = (table: ObservedRtt): RttNode => {
    const end = table.ipa + span(table.level);
    const below = tables.filter((t) => t.level === table.level + 1 && t.ipa >= table.ipa && t.ipa < end);
    const data =
      table.level === 3
        ? [...realm.data].filter(([ipa]) => ipa >= table.ipa && ipa < end).sort(([a], [b]) => (a < b ? -1 : 1))
        : [];
    const leaves = data.slice(0, NAMED).map(
      ([ipa, granule]): RttNode => ({
        ...{ level: 4, ipa: toHex(ipa), granule: toHex(granule), state: 'data', children: [] },
      }),
    );
    const state = table.level === 3 ? `${data.length} granules of data` : `${below.length} tables below`;
    const sorted = below.sort((a, b) => (a.ipa < b.ipa ? -1 : 1)).map(node);
    return {
      level: table.level,
      ipa: toHex(table.ipa),
      granule: toHex(table.rtt),
      state,
      children: [...sorted, ...leaves],
    };
  };
  return realm.startTables.map((granule, n) => {
    const table = { rtt: granule, level: realm.startLevel, ipa: BigInt(n) * span(realm.startLevel) };
    return node(table);
  });
}

/**
 * Realms, as the calls tell that make, run and end them (DEN0137): nothing is asked of the guest, and nothing of RMM's own structures
 * is read. What was done before watching began is not known.
 */
import { DIGESTS } from '../system/watch-calls.ts';
import { CallLog, type ObservedCall } from './calls.ts';
import { type RecExit, resultText } from './functions.ts';
import { gather, HASH_BYTES, type Hash, Measurements } from './measurements.ts';
import { type ObservedToken, TokenReader } from './tokens.ts';

const PAGE = 4096n;
/** Events that are kept of a realm's life. */
const EVENTS = 500;
/** Destroyed realms that are kept. */
const DESTROYED = 64;

export type RealmState = 'new' | 'active' | 'system-off' | 'destroyed';
/** States of granules in RMM's terms, as far as calls tell. */
export type GranuleUse = 'delegated' | 'rd' | 'rec' | 'rec-aux' | 'rtt' | 'data';

export interface RealmEvent {
  readonly at: number;
  readonly text: string;
}
export interface ObservedRec {
  readonly rec: bigint;
  readonly mpidr: bigint;
  runnable: boolean;
  /** Core that runs it. */
  core: number | null;
  lastExit: RecExit | null;
  enters: number;
}
export interface ObservedRtt {
  readonly rtt: bigint;
  readonly ipa: bigint;
  readonly level: number;
}
export interface ObservedRealm {
  readonly rd: bigint;
  /** Counts realms that had this descriptor. */
  readonly generation: number;
  state: RealmState;
  readonly vmid: number;
  /** As RMI_REALM_CREATE asked for. */
  readonly mecid: number;
  readonly ipaBits: number;
  readonly hash: Hash | 'unknown';
  /** Realm personalization value, 64 bytes; null: not seen. */
  readonly personalization: Uint8Array | null;
  readonly startLevel: number;
  readonly startTables: readonly bigint[];
  readonly recs: Map<bigint, ObservedRec>;
  /** By the granule. */
  readonly tables: Map<bigint, ObservedRtt>;
  /** Granules of data, by IPA. */
  readonly data: Map<bigint, bigint>;
  /** By index: RIM, then extensible ones; as the realm read them. */
  readonly measurements: Map<number, string>;
  /** As they follow from the calls; null where the algorithm is not known. */
  readonly computed: Measurements | null;
  /** The last that one of its RECs got. */
  token: ObservedToken | null;
  readonly events: RealmEvent[];
  /** Seconds in the realm: all cores together. */
  seconds: number;
}
export interface ObservedUse {
  readonly use: GranuleUse;
  readonly rd: bigint | null;
  readonly ipa: bigint | null;
}

interface Running {
  readonly realm: ObservedRealm;
  readonly rec: ObservedRec;
  since: number | null;
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const PSCI_OFF: Readonly<Record<string, string>> = {
  PSCI_SYSTEM_OFF: 'powered off',
  PSCI_SYSTEM_RESET: 'asked for a reset',
};

/** A little-endian number of up to 64 bits in a piece of a page; 0 where that is missing. */
function field(page: ReadonlyMap<number, Uint8Array>, at: number, bytes: number): bigint {
  const piece = page.get(at & ~31);
  if (!piece) return 0n;
  const word = (from: number): number => {
    let value = 0;
    for (let n = Math.min(4, bytes - from) - 1; n >= 0; n--) value = value * 256 + piece[(at & 31) + from + n]!;
    return value;
  };
  return bytes <= 4 ? BigInt(word(0)) : (BigInt(word(4)) << 32n) | BigInt(word(0));
}

/** What the tracker asks of the machine. */
export interface RealmSource {
  /** Physical memory as its owner sees it. */
  read(address: bigint, length: number): Uint8Array;
  /** Records that were lost so far. */
  dropped(): number;
}
const NOTHING: RealmSource = { read: () => new Uint8Array(0), dropped: () => 0 };

export class RealmTracker {
  /** Changes with what is seen. */
  revision = 0;
  readonly calls: CallLog;
  private list: ObservedRealm[] = [];
  private readonly granules = new Map<bigint, ObservedUse>();
  private readonly running = new Map<number, Running>();
  private readonly generations = new Map<bigint, number>();
  private readonly tokens: TokenReader;
  private readonly source: RealmSource;
  private dropped = 0;

  constructor(source: RealmSource = NOTHING) {
    this.source = source;
    this.tokens = new TokenReader((address, length) => source.read(address, length));
    this.calls = new CallLog({
      called: (call) => this.called(call),
      returned: (call) => this.returned(call),
      realmRuns: (core, runs, at) => this.realmRuns(core, runs, at),
    });
  }
  /** Before records are added: what was lost takes the certainty of what realms in the making amount to. */
  begin(): void {
    const dropped = this.source.dropped();
    if (dropped === this.dropped) return;
    this.dropped = dropped;
    for (const realm of this.list) if (realm.state === 'new') realm.computed?.miss();
  }
  /** In the order of their making; those that are gone as well. */
  get realms(): readonly ObservedRealm[] {
    return this.list;
  }
  /** The realm that has, or had last, this descriptor. */
  find(rd: bigint): ObservedRealm | undefined {
    return this.list.findLast((r) => r.rd === rd);
  }
  /** What a granule is used for, by its address. */
  useOf(address: bigint): ObservedUse | undefined {
    return this.granules.get(address - (address % PAGE));
  }
  private live(rd: bigint | undefined): ObservedRealm | undefined {
    const found = rd === undefined ? undefined : this.find(rd);
    return found?.state === 'destroyed' ? undefined : found;
  }
  private recOf(rec: bigint): [ObservedRealm, ObservedRec] | null {
    for (const realm of this.list) {
      const found = realm.state === 'destroyed' ? undefined : realm.recs.get(rec);
      if (found) return [realm, found];
    }
    return null;
  }
  private tell(realm: ObservedRealm, at: number, text: string): void {
    // What cores tell comes core by core, not in the order in which it happened.
    const before = realm.events.findLastIndex((e) => e.at <= at);
    realm.events.splice(before + 1, 0, { at, text });
    if (realm.events.length > EVENTS) realm.events.splice(1, 1);
    this.revision++;
  }

  private called(call: ObservedCall): void {
    const { function: f, core } = call;
    const [first] = call.arguments;
    if (f.name === 'RMI_REC_ENTER') {
      const found = this.recOf(first!);
      if (!found) return;
      const [realm, rec] = found;
      call.realm = realm.rd;
      rec.core = core;
      rec.enters++;
      if (rec.enters === 1) this.tell(realm, call.at, `REC ${hex(rec.mpidr)} ran for the first time, on core ${core}`);
      this.running.set(core, { realm, rec, since: null });
      this.revision++;
      return;
    }
    if (call.from === 'realm' && call.fromEl < 2) {
      const running = this.running.get(core);
      call.realm = running?.realm.rd ?? null;
      if (running) this.fromRealm(call, running.realm);
      return;
    }
    if (f.arguments[0] === 'rd') call.realm = first!;
    else if (f.arguments[0] === 'rec') call.realm = this.recOf(first!)?.[0].rd ?? null;
  }
  private fromRealm(call: ObservedCall, realm: ObservedRealm): void {
    const off = PSCI_OFF[call.function.name];
    if (off === undefined) return;
    realm.state = 'system-off';
    this.tell(realm, call.at, off);
  }

  private realmRuns(core: number, runs: boolean, at: number): void {
    const running = this.running.get(core);
    if (!running) return;
    if (runs) running.since = at;
    else if (running.since !== null) {
      running.realm.seconds += at - running.since;
      running.since = null;
    }
  }

  private returned(call: ObservedCall): void {
    const { function: f, results } = call;
    if (!results) return;
    if (f.name === 'RMI_REC_ENTER') this.left(call);
    if (f.name === 'RSI_ATTESTATION_TOKEN_INIT' || f.name === 'RSI_ATTESTATION_TOKEN_CONTINUE') this.token(call);
    if (resultText(f, results[0]!).failed || results[0] !== 0n) return;
    if (f.name === 'RSI_MEASUREMENT_READ') this.measured(call);
    else if (f.name === 'RSI_MEASUREMENT_EXTEND') this.extended(call);
    else RETURNS[f.name]?.(this.steps, call);
  }
  private left(call: ObservedCall): void {
    const running = this.running.get(call.core);
    this.running.delete(call.core);
    if (!running) return;
    const { rec } = running;
    rec.core = null;
    const reason = Number(field(call.page, 0x800, 8));
    const detail = field(call.page, reason === 0 ? 0x900 : 0xa00, 8);
    rec.lastExit = call.page.has(0x800) ? { reason, detail } : null;
    this.revision++;
  }
  private measured(call: ObservedCall): void {
    const realm = call.realm === null ? undefined : this.live(call.realm);
    if (!realm) return;
    const bytes = realm.hash === 'unknown' ? 64 : HASH_BYTES[realm.hash];
    const digest = Buffer.from(call.results!.buffer, 8, bytes).toString('hex');
    const index = Number(call.arguments[0]);
    if (realm.measurements.get(index) === digest) return;
    realm.measurements.set(index, digest);
    this.tell(realm, call.at, `read measurement ${index === 0 ? 'RIM' : `REM${index - 1}`}: ${digest.slice(0, 16)}…`);
  }
  private extended(call: ObservedCall): void {
    const realm = call.realm === null ? undefined : this.live(call.realm);
    if (!realm) return;
    const [index, size] = [Number(call.arguments[0]), Number(call.arguments[1])];
    // X3 and on; of them X8 is the last that is seen.
    const value = new Uint8Array(call.arguments.slice(2).buffer);
    realm.computed?.extend(index, size <= value.length ? value.subarray(0, size) : null);
    realm.measurements.delete(index);
    this.tell(realm, call.at, `extended REM${index - 1} by ${size} bytes`);
  }
  private token(call: ObservedCall): void {
    const realm = call.realm === null ? undefined : this.live(call.realm);
    const rec = this.running.get(call.core)?.rec.rec;
    const token = realm && rec !== undefined && this.tokens.take(rec, call, realm.data);
    if (!realm || !token) return;
    realm.token = token;
    const what = token.bytes ? `${token.bytes.length} bytes` : 'it was gone before it could be read';
    this.tell(realm, call.at, `got an attestation token: ${what}`);
  }

  /** What calls do when they succeed. */
  private readonly steps: Steps = {
    realm: (rd) => this.live(rd),
    tell: (realm, at, text) => this.tell(realm, at, text),
    use: (address, use, rd = null, ipa = null) => {
      this.granules.set(address, { use, rd, ipa });
      this.revision++;
    },
    release: (address) => {
      this.granules.delete(address);
      this.revision++;
    },
    make: (realm) => {
      const generation = (this.generations.get(realm.rd) ?? 0) + 1;
      this.generations.set(realm.rd, generation);
      const made = { ...realm, generation };
      this.list.push(made);
      const gone = this.list.filter((r) => r.state === 'destroyed');
      if (gone.length > DESTROYED) this.list = this.list.filter((r) => r !== gone[0]);
      return made;
    },
    recOf: (rec) => this.recOf(rec),
  };
}

interface Steps {
  realm(rd: bigint | undefined): ObservedRealm | undefined;
  tell(realm: ObservedRealm, at: number, text: string): void;
  use(address: bigint, use: GranuleUse, rd?: bigint | null, ipa?: bigint | null): void;
  release(address: bigint): void;
  make(realm: Omit<ObservedRealm, 'generation'>): ObservedRealm;
  recOf(rec: bigint): [ObservedRealm, ObservedRec] | null;
}
type Effect = (steps: Steps, call: ObservedCall) => void;

const HASHES: readonly Hash[] = ['SHA-256', 'SHA-512', 'SHA-384'];

function realmCreate(steps: Steps, call: ObservedCall): void {
  const [rd] = call.arguments;
  const { page, at } = call;
  const base = field(page, 0x808, 8);
  const tables = Array.from({ length: Number(field(page, 0x818, 4)) }, (_, n) => base + BigInt(n) * PAGE);
  const hash = HASHES[Number(field(page, 0x30, 1))];
  const realm = steps.make({
    ...{ rd: rd!, state: 'new', vmid: Number(field(page, 0x800, 2)), mecid: Number(field(page, 0x828, 8)) },
    ...{ ipaBits: Number(field(page, 0x8, 1)), hash: hash ?? 'unknown', personalization: gather(page, 0x400, 64) },
    ...{ computed: hash ? new Measurements(hash, page) : null, token: null },
    ...{ startLevel: Number(BigInt.asIntN(64, field(page, 0x810, 8))), startTables: tables },
    ...{ recs: new Map(), tables: new Map(), data: new Map(), measurements: new Map(), events: [], seconds: 0 },
  });
  steps.use(rd!, 'rd', rd);
  for (const table of tables) steps.use(table, 'rtt', rd, 0n);
  steps.tell(realm, at, `created: VMID ${realm.vmid}, ${realm.ipaBits} bits of IPA, ${realm.hash}`);
}

function recCreate(steps: Steps, call: ObservedCall): void {
  const [rd, rec] = call.arguments;
  const realm = steps.realm(rd);
  if (!realm) return;
  const mpidr = field(call.page, 0x100, 8);
  const runnable = (field(call.page, 0, 8) & 1n) !== 0n;
  realm.recs.set(rec!, { rec: rec!, mpidr, runnable, core: null, lastExit: null, enters: 0 });
  steps.use(rec!, 'rec', rd);
  if (runnable) realm.computed?.rec(call.page);
  const count = Math.min(16, Number(field(call.page, 0x800, 8)));
  for (let n = 0; n < count; n++) steps.use(field(call.page, 0x808 + 8 * n, 8), 'rec-aux', rd);
  steps.tell(realm, call.at, `REC ${hex(mpidr)} created${runnable ? '' : ', not runnable'}`);
}

/** With contents of the host's: they are a part of the initial measurement. */
function dataCopied(steps: Steps, call: ObservedCall): void {
  const [rd, , ipa, , flags] = call.arguments;
  const realm = steps.realm(rd);
  if (realm?.computed) {
    const measured = (flags! & 1n) !== 0n;
    const { hash } = realm;
    const seen = measured && (hash === 'SHA-256' || hash === 'SHA-512');
    const content = seen ? gather(call.page, DIGESTS[hash], HASH_BYTES[hash]) : null;
    if (measured && !content) realm.computed.miss();
    else realm.computed.data(ipa!, flags!, content);
  }
  dataCreate(steps, call);
}

function dataCreate(steps: Steps, call: ObservedCall): void {
  const [rd, data, ipa] = call.arguments;
  const realm = steps.realm(rd);
  if (!realm) return;
  if (realm.data.size === 0) steps.tell(realm, call.at, `memory: the first granule, IPA ${hex(ipa!)}`);
  realm.data.set(ipa!, data!);
  steps.use(data!, 'data', rd, ipa);
}

function dataDestroy(steps: Steps, call: ObservedCall): void {
  const realm = steps.realm(call.arguments[0]);
  const granule = realm?.data.get(call.arguments[1]!);
  if (!realm || granule === undefined) return;
  realm.data.delete(call.arguments[1]!);
  steps.use(granule, 'delegated');
}

/** Bytes that an entry of a table of this level translates. */
export const entryBytes = (level: number): bigint => 1n << BigInt(12 + 9 * (3 - level));

/** RAM, entry by entry of the table that is the last for its begin: each is a step of the initial measurement. */
function ripas(steps: Steps, call: ObservedCall): void {
  const [rd, base] = call.arguments;
  const realm = steps.realm(rd);
  const top = call.results?.[1];
  if (!realm || top === undefined) return;
  let level = realm.startLevel;
  for (const t of realm.tables.values()) {
    if (t.level > level && t.ipa <= base! && base! < t.ipa + 512n * entryBytes(t.level)) level = t.level;
  }
  const size = entryBytes(level);
  if (top - base! > 512n * size) realm.computed?.miss();
  else for (let at = base!; at < top; at += size) realm.computed?.ripas(at, at + size);
}

function rttCreate(steps: Steps, call: ObservedCall): void {
  const [rd, rtt, ipa, level] = call.arguments;
  const realm = steps.realm(rd);
  if (!realm) return;
  realm.tables.set(rtt!, { rtt: rtt!, ipa: ipa!, level: Number(BigInt.asIntN(64, level!)) });
  steps.use(rtt!, 'rtt', rd, ipa);
}

/** RMI_RTT_DESTROY and RMI_RTT_FOLD yield the table's granule. */
function rttGone(steps: Steps, call: ObservedCall): void {
  const realm = steps.realm(call.arguments[0]);
  const rtt = call.results?.[1];
  if (!realm || rtt === undefined) return;
  realm.tables.delete(rtt);
  steps.use(rtt, 'delegated');
}

function activate(steps: Steps, call: ObservedCall): void {
  const realm = steps.realm(call.arguments[0]);
  if (!realm) return;
  realm.state = 'active';
  steps.tell(realm, call.at, 'activated');
}

function destroy(steps: Steps, call: ObservedCall): void {
  const realm = steps.realm(call.arguments[0]);
  if (!realm) return;
  realm.state = 'destroyed';
  for (const address of [realm.rd, ...realm.startTables]) steps.use(address, 'delegated');
  steps.tell(realm, call.at, 'destroyed');
}

function recDestroy(steps: Steps, call: ObservedCall): void {
  const found = steps.recOf(call.arguments[0]!);
  if (!found) return;
  const [realm, rec] = found;
  realm.recs.delete(rec.rec);
  steps.use(rec.rec, 'delegated');
  steps.tell(realm, call.at, `REC ${hex(rec.mpidr)} destroyed`);
}

/** CPU_ON of a REC that was found: it can run now. */
function psciComplete(steps: Steps, call: ObservedCall): void {
  const found = steps.recOf(call.arguments[1]!);
  if (!found || call.arguments[2] !== 0n || found[1].runnable) return;
  found[1].runnable = true;
  steps.tell(found[0], call.at, `REC ${hex(found[1].mpidr)} was switched on`);
}

const RETURNS: Readonly<Record<string, Effect>> = {
  RMI_GRANULE_DELEGATE: (steps, call) => steps.use(call.arguments[0]!, 'delegated'),
  RMI_GRANULE_UNDELEGATE: (steps, call) => steps.release(call.arguments[0]!),
  RMI_REALM_CREATE: realmCreate,
  RMI_REALM_ACTIVATE: activate,
  RMI_REALM_DESTROY: destroy,
  RMI_REC_CREATE: recCreate,
  RMI_REC_DESTROY: recDestroy,
  RMI_DATA_CREATE: dataCopied,
  RMI_DATA_CREATE_UNKNOWN: dataCreate,
  RMI_DATA_DESTROY: dataDestroy,
  RMI_RTT_CREATE: rttCreate,
  RMI_RTT_INIT_RIPAS: ripas,
  RMI_RTT_DESTROY: rttGone,
  RMI_RTT_FOLD: rttGone,
  RMI_PSCI_COMPLETE: psciComplete,
};

/** Calls between worlds and levels: who called what with which arguments, what came back, how long it took. */
import { EC } from '../arch/exceptions/fields.ts';
import { WORLDS, type World } from '../system/console-tag.ts';
import { FUNCTION_MASK } from '../system/watch-calls.ts';
import { PAYLOAD, WATCH_KIND, type WatchRecord } from '../system/watch-record.ts';
import { CallColumns } from './call-columns.ts';
import { type CallFunction, functionOf, RMI_REQ_COMPLETE, RMM_BOOT_COMPLETE } from './functions.ts';

export interface ObservedCall {
  readonly number: number;
  readonly core: number;
  /** Seconds of the guest's clock. */
  readonly at: number;
  readonly from: World;
  readonly fromEl: number;
  readonly to: World;
  /** Calls that were open on this core when it began. */
  readonly depth: number;
  readonly function: CallFunction;
  readonly id: number;
  /** X1 to X8. */
  readonly arguments: BigUint64Array;
  /** X0 to X8, until what has returned was told of; null while it goes on. */
  results: BigUint64Array | null;
  /** Seconds; null while it goes on. */
  seconds: number | null;
  /** Pieces of the page that the call names, by where they are in it: as it was called, and as it returned. */
  page: ReadonlyMap<number, Uint8Array>;
  /** Realm descriptor that it concerns. */
  realm: bigint | null;
}

/** Calls that are kept. */
const KEPT = 1 << 20;
/** X0 to X8. */
const RESULTS = 9;

// There are some ten thousand calls a second: what they come with is not to be collected afterwards.
const NO_PAGE: ReadonlyMap<number, Uint8Array> = new Map();
const values = new BigUint64Array(PAYLOAD.bytes / 8);
const valueBytes = new Uint8Array(values.buffer);

export interface CallEvents {
  /** All arguments are there. */
  called(call: ObservedCall): void;
  returned(call: ObservedCall): void;
  /** A core enters Realm EL1 or EL0, or leaves them. */
  realmRuns(core: number, runs: boolean, at: number): void;
}

/** What a core is at. */
interface CoreCalls {
  /** By caller: security state << 2 | level. */
  readonly open: Map<number, ObservedCall>;
  /** What words and bytes that follow belong to: to its return, once it has results. */
  last: ObservedCall | null;
  /** X0 to X8 as the last call returned them. */
  readonly results: BigUint64Array;
  /** How often nothing had come for it. */
  idle: number;
}

const isRealm = (level: number): boolean => level >> 2 === WORLDS.indexOf('realm') && (level & 3) < 2;

export class CallLog {
  /** Changes with each call and each return. */
  revision = 0;
  private readonly events: CallEvents;
  private readonly cores = new Map<number, CoreCalls>();
  readonly kept = new CallColumns(KEPT);
  private count = 0;

  constructor(events: CallEvents) {
    this.events = events;
  }
  private core(n: number): CoreCalls {
    let found = this.cores.get(n);
    if (!found) {
      found = { open: new Map(), last: null, idle: 0, results: new BigUint64Array(RESULTS) };
      this.cores.set(n, found);
    }
    return found;
  }

  /** Records of words and bytes come as they are, with their payload. */
  addPayload(record: WatchRecord, payload: Uint8Array): void {
    const core = this.core(record.core);
    core.idle = 0;
    const { last: call } = core;
    if (!call) return;
    if (record.kind === WATCH_KIND.bytes) {
      if (call.page === NO_PAGE) call.page = new Map();
      (call.page as Map<number, Uint8Array>).set(record.detail, payload.slice());
      return;
    }
    valueBytes.set(payload);
    if (call.results) call.results.set(values, record.from);
    else call.arguments.set(values, record.from - 1);
  }
  add(record: WatchRecord): void {
    const core = this.core(record.core);
    this.settle(core);
    if (isRealm(record.from) !== isRealm(record.to)) {
      this.events.realmRuns(record.core, isRealm(record.to), record.time / 1e9);
    }
    if (record.kind === WATCH_KIND.entry) this.entered(core, record);
    else this.left(core, record);
  }
  /** Everything that belongs to what came last has come. */
  private settle(core: CoreCalls): void {
    const { last } = core;
    core.last = null;
    core.idle = 0;
    if (!last) return;
    if (last.results) this.events.returned(last);
    else this.events.called(last);
    this.kept.put(last);
    this.revision++;
  }
  /** Called from time to time: what nothing has come for twice is taken as whole. */
  flush(): void {
    for (const core of this.cores.values()) if (core.last && ++core.idle >= 2) this.settle(core);
  }

  private entered(core: CoreCalls, r: WatchRecord): void {
    const ec = (r.detail >>> 8) & 63;
    if ((r.detail & 3) !== 0 || (ec !== EC.smc && ec !== EC.hvc)) return;
    const id = (Number(r.address & 0xffffffffn) & FUNCTION_MASK) >>> 0;
    if (id === RMI_REQ_COMPLETE) return;
    const described = functionOf(id);
    const call: ObservedCall = {
      ...{ number: this.count++, core: r.core, at: r.time / 1e9, id, function: described },
      ...{
        from: WORLDS[(r.from >> 2) & 3]!,
        fromEl: r.from & 3,
        depth: core.open.size - (core.open.has(r.from) ? 1 : 0),
      },
      to: described.service === 'rmi' ? 'realm' : WORLDS[(r.to >> 2) & 3]!,
      ...{ arguments: new BigUint64Array(8), results: null, seconds: null, page: NO_PAGE, realm: null },
    };
    if (id !== RMM_BOOT_COMPLETE) core.open.set(r.from, call);
    core.last = call;
    this.kept.put(call);
  }
  private left(core: CoreCalls, r: WatchRecord): void {
    const call = core.open.get(r.to);
    if (!call) return;
    core.open.delete(r.to);
    core.results.fill(0n);
    core.results[0] = r.address;
    call.results = core.results;
    call.seconds = r.time / 1e9 - call.at;
    core.last = call;
  }
}

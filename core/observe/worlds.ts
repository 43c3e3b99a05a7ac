/** When each core was in which world: switches, residency, and who runs just now. */
import { EC } from '../arch/exceptions/fields.ts';
import { WORLDS, type World } from '../system/console-tag.ts';
import type { SystemProbe, WorldCounts } from '../system/probe.ts';
import { WATCH_KIND, type WatchRecord } from '../system/watch-record.ts';

export interface WorldSegment {
  /** Seconds of the guest's clock. */
  readonly from: number;
  readonly to: number;
  readonly world: World;
  readonly el: number;
}
export interface WorldSwitch {
  readonly at: number;
  readonly kind: 'smc' | 'hvc' | 'eret' | 'irq' | 'fiq' | 'serror' | 'abort' | 'exception';
  readonly from: World;
  readonly to: World;
  readonly fromEl: number;
  readonly toEl: number;
  /** Exceptions: where it came from; returns: where to. */
  readonly pc: bigint;
  /** X0: for SMC and HVC the function's identifier. */
  readonly x0: bigint;
}
export interface WorldLane {
  readonly core: number;
  readonly segments: readonly WorldSegment[];
  /** None where there are more than were asked for: they cannot be told apart at that scale. */
  readonly switches: readonly WorldSwitch[];
  /** Switches a second in this time, as far as they are kept. */
  readonly rate: number;
}
export interface WorldTotals {
  readonly core: number;
  readonly counts: Readonly<Record<World, WorldCounts>>;
  /** Seconds of the guest's clock in each world, since watching began. */
  readonly seconds: Readonly<Record<World, number>>;
  /** Entries to and exits from EL3, since the machine's start. */
  readonly switches: number;
}

/** Switches that are kept for each core; older ones are forgotten, the totals stay. */
const KEPT = 1 << 15;
const ABORTS: readonly number[] = [
  EC.dataAbort,
  EC.dataAbort + 1,
  EC.instructionAbort,
  EC.instructionAbort + 1,
  EC.gpc,
];

function kindOf(r: Kept): WorldSwitch['kind'] {
  if (r.kind === WATCH_KIND.return) return 'eret';
  const vector = r.detail & 3;
  if (vector !== 0) return (['irq', 'fiq', 'serror'] as const)[vector - 1]!;
  const ec = (r.detail >>> 8) & 63;
  if (ec === EC.smc) return 'smc';
  if (ec === EC.hvc) return 'hvc';
  return ABORTS.includes(ec) ? 'abort' : 'exception';
}
type Kept = Pick<WatchRecord, 'kind' | 'from' | 'to' | 'detail' | 'pc' | 'address' | 'time'>;

/** What is known of one core. Its switches lie in a ring, in columns. */
class CoreHistory {
  private readonly time = new Float64Array(KEPT);
  private readonly pc = new BigUint64Array(KEPT);
  private readonly x0 = new BigUint64Array(KEPT);
  private readonly detail = new Uint32Array(KEPT);
  /** kind [11:8], from [7:4], to [3:0]. */
  private readonly what = new Uint16Array(KEPT);
  private count = 0;
  private readonly nanoseconds: [number, number, number, number] = [0, 0, 0, 0];
  private since: number;
  private now: number;
  /** When watching began, and how the core was then. */
  private readonly begin: number;
  private readonly first: number;

  constructor(time: number, level: number) {
    this.since = time;
    this.begin = time;
    this.now = level;
    this.first = level;
  }
  add(r: Kept): void {
    const n = this.count++ % KEPT;
    this.time[n] = r.time;
    this.pc[n] = r.pc;
    this.x0[n] = r.address;
    this.detail[n] = r.detail;
    this.what[n] = (r.kind << 8) | ((r.from & 15) << 4) | (r.to & 15);
    this.nanoseconds[(this.now >> 2) & 3]! += Math.max(0, r.time - this.since);
    this.since = r.time;
    this.now = r.to;
  }
  seconds(time: number): Record<World, number> {
    const total = [...this.nanoseconds];
    total[(this.now >> 2) & 3]! += Math.max(0, time - this.since);
    return Object.fromEntries(WORLDS.map((w, n) => [w, total[n]! / 1e9])) as Record<World, number>;
  }
  private kept(i: number): Kept {
    const n = i % KEPT;
    const what = this.what[n]!;
    return {
      ...{ kind: what >> 8, from: (what >> 4) & 15, to: what & 15, detail: this.detail[n]! },
      ...{ pc: this.pc[n]!, address: this.x0[n]!, time: this.time[n]! },
    };
  }
  /** Number of the first kept switch that is not before `time`. */
  private search(time: number): number {
    let low = Math.max(0, this.count - KEPT);
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time[middle % KEPT]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** Switches a second in a time; of what is kept. */
  rate(from: number, to: number): number {
    const start = Math.max(from, this.count > KEPT ? this.time[this.count % KEPT]! : this.begin);
    return to > start ? (this.search(to) - this.search(start)) / ((to - start) / 1e9) : 0;
  }
  /** Switches in a time; none when there are more than `limit`. */
  switches(from: number, to: number, limit: number): WorldSwitch[] {
    const [first, last] = [this.search(from), this.search(to)];
    if (last - first > limit) return [];
    return Array.from({ length: last - first }, (_, i) => {
      const r = this.kept(first + i);
      return {
        ...{ at: r.time / 1e9, kind: kindOf(r), from: WORLDS[(r.from >> 2) & 3]!, to: WORLDS[(r.to >> 2) & 3]! },
        ...{ fromEl: r.from & 3, toEl: r.to & 3, pc: r.pc, x0: r.address },
      };
    });
  }
  /** How the core was in a time. More than `limit` segments become as many slots, each as the core was for most of it. */
  segments(from: number, to: number, limit: number): WorldSegment[] {
    const start = Math.max(from, this.count > KEPT ? this.time[this.count % KEPT]! : this.begin);
    if (to <= start) return [];
    const [first, last] = [this.search(start), this.search(to)];
    let level = first === 0 ? this.first : this.what[(first - 1) % KEPT]! & 15;
    if (first > 0 && this.count > KEPT && first === this.count - KEPT) level = (this.what[first % KEPT]! >> 4) & 15;
    const list = new SegmentList(start);
    if (last - first < limit) {
      for (let i = first; i < last; i++) {
        list.upTo(this.time[i % KEPT]!, level);
        level = this.what[i % KEPT]! & 15;
      }
      list.upTo(to, level);
      return list.segments;
    }
    const slot = (to - start) / limit;
    let i = first;
    for (let n = 0; n < limit; n++) {
      const end = start + (n + 1) * slot;
      const spent = new Float64Array(16);
      let at = end - slot;
      for (; i < last && this.time[i % KEPT]! < end; i++) {
        spent[level]! += this.time[i % KEPT]! - at;
        at = this.time[i % KEPT]!;
        level = this.what[i % KEPT]! & 15;
      }
      spent[level]! += end - at;
      list.upTo(end, spent.indexOf(Math.max(...spent)));
    }
    return list.segments;
  }
}

/** Joins neighbours of the same level. */
class SegmentList {
  readonly segments: { from: number; to: number; world: World; el: number }[] = [];
  private at: number;
  private level = -1;

  constructor(start: number) {
    this.at = start;
  }
  upTo(time: number, level: number): void {
    if (time <= this.at) return;
    const last = this.segments.at(-1);
    if (last && this.level === level) last.to = time / 1e9;
    else this.segments.push({ from: this.at / 1e9, to: time / 1e9, world: WORLDS[(level >> 2) & 3]!, el: level & 3 });
    this.level = level;
    this.at = time;
  }
}

export class WorldHistory {
  private readonly probe: SystemProbe;
  private cores: CoreHistory[];
  /** Changes with each switch that was seen. */
  revision = 0;

  constructor(probe: SystemProbe, cores: number) {
    this.probe = probe;
    this.cores = Array.from({ length: cores }, (_, n) => this.fresh(n));
  }
  private fresh(core: number): CoreHistory {
    const { world, el } = this.probe.level(core);
    return new CoreHistory(this.probe.now(), (WORLDS.indexOf(world) << 2) | el);
  }
  add(r: WatchRecord): void {
    if (r.kind !== WATCH_KIND.entry && r.kind !== WATCH_KIND.return) return;
    this.cores[r.core]?.add(r);
    this.revision++;
  }
  /** Times in seconds; `limit`: of segments, and of switches, a core. */
  lanes(from: number, to: number, limit: number): WorldLane[] {
    const until = Math.min(to * 1e9, this.probe.now());
    return this.cores.map((c, core) => ({
      core,
      segments: c.segments(from * 1e9, until, limit),
      switches: c.switches(from * 1e9, until, limit),
      rate: c.rate(from * 1e9, until),
    }));
  }
  totals(): WorldTotals[] {
    const now = this.probe.now();
    return this.cores.map((c, core) => {
      const counts = this.probe.counts(core);
      const below = (['normal', 'realm', 'secure'] as const).map((w) => counts[w].entries + counts[w].exits);
      return { core, counts, seconds: c.seconds(now), switches: below.reduce((a, b) => a + b) };
    });
  }
}

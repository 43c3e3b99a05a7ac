/** What a run's observer (`core/observe`) knows, as the views have it. */
import type { GranuleState } from '../arch/granules/model.ts';
import { Observer } from '../observe/observer.ts';
import { Walker } from '../observe/walk.ts';
import type { WorldSwitch } from '../observe/worlds.ts';
import type { System } from '../system/api.ts';
import type { Granule, GranuleMap, MemoryFault, Observation, World, WorldTimeline } from './observation.ts';
import { detailOf, FilteredCalls, hostMecids, nameOf, realmOf } from './observe-calls.ts';
import { toHex } from './values.ts';

const SPACE: Readonly<Record<GranuleState, Granule['pas']>> = {
  none: 'none',
  secure: 'secure',
  'non-secure': 'normal',
  'non-secure-only': 'normal',
  root: 'root',
  realm: 'realm',
  any: 'any',
  off: 'any',
  beyond: 'any',
  window: 'any',
  invalid: 'none',
};
const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');

/** Who holds a page's plain text, in words. */
function ownerText(pas: World | null, mecid: number | null): string | null {
  if (pas === null) return null;
  return mecid === null ? pas : `${pas}, MECID ${mecid}`;
}

function edge(s: WorldSwitch): WorldTimeline['lanes'][number]['edges'][number] {
  const call = s.kind === 'smc' || s.kind === 'hvc';
  const cause = call ? `${s.kind.toUpperCase()} ${toHex(s.x0)}` : s.kind;
  const kind = s.kind === 'exception' ? 'abort' : s.kind;
  return { at: s.at, kind, from: s.from, to: s.to, cause, pc: toHex(s.pc) };
}

function timeline(system: System, observer: Observer, from: number, to: number, limit: number): WorldTimeline {
  observer.refresh();
  const totals = observer.worlds.totals();
  const lanes = observer.worlds.lanes(from, to, limit).map(({ core, segments, switches, rate }) => {
    const { seconds, switches: count } = totals[core]!;
    const all = Object.values(seconds).reduce((a, b) => a + b, 0) || 1;
    const share = Object.fromEntries(Object.entries(seconds).map(([w, s]) => [w, s / all])) as Record<World, number>;
    // Whether it waits is known of now only.
    const waits = system.cores[core]!.waiting && to >= system.probe.now() / 1e9;
    return {
      core,
      segments: segments.map((s, n) => ({ ...s, waiting: waits && n === segments.length - 1 })),
      edges: switches.map(edge),
      share,
      switches: count,
      rate,
    };
  });
  return { now: system.probe.now() / 1e9, lanes };
}

function granuleMap(observer: Observer, from: bigint, to: bigint, buckets: number): GranuleMap {
  const { bucketBytes, kind, kinds, heat } = observer.granules.map(Number(from), Number(to), buckets);
  const host = hostMecids(observer);
  const states = kinds.map(({ state, pas, mecid }) => ({
    ...{ pas: SPACE[state], mecid, owner: pas },
    hostMecid: mecid === null ? null : (host.get(mecid) ?? null),
  }));
  return { bucketBytes, state: base64(kind), states, heat: base64(heat) };
}

function granule(observer: Observer, address: bigint): Granule {
  const { from, state, owner } = observer.granules.at(Number(address));
  const mecid = owner?.mecid ?? null;
  return {
    address: toHex(BigInt(from)),
    pas: SPACE[state],
    mecid,
    hostMecid: mecid === null ? null : (hostMecids(observer).get(mecid) ?? null),
    owner: owner?.pas ?? null,
    rmmState: useText(observer, address),
    events: faults(observer)
      .filter((f) => BigInt(f.address) >> 12n === address >> 12n)
      .slice(-EVENTS),
  };
}

/** What RMM uses a granule for, as its calls tell. */
function useText(observer: Observer, address: bigint): string | null {
  const found = observer.realms.useOf(address);
  if (!found) return null;
  const realm = found.rd === null ? undefined : observer.realms.find(found.rd);
  const of = realm ? ` of realm ${nameOf(realm) ?? toHex(realm.rd)}` : '';
  return `${found.use}${of}${found.ipa === null ? '' : `, IPA ${toHex(found.ipa)}`}`;
}

function faults(observer: Observer): MemoryFault[] {
  const { last, counts } = observer.memory;
  const all = Object.values(counts).reduce((a, b) => a + b);
  const words = (owner: { pas: World; mecid: number | null } | null): string | null =>
    owner && ownerText(owner.pas, owner.mecid);
  return last.slice(-FAULTS).map((e, n, list) => ({
    ...{ number: all - list.length + n, at: e.at, kind: e.kind, core: e.core, world: e.world, el: e.el },
    ...{ pc: e.pc === null ? null : toHex(e.pc), address: toHex(e.address), pas: e.pas, access: e.access },
    ...{ owner: words(e.owner), accessor: words(e.accessor) },
  }));
}

/** Faults that are told of; of one page. */
const FAULTS = 200;
const EVENTS = 5;

export function observe(system: System): Observation {
  const observer = new Observer(system);
  const { realms } = observer;
  const calls = new FilteredCalls(realms.calls);
  const notices: string[] = [];
  observer.on('notice', ({ message }) => notices.push(message));
  const cores = system.cores.length;
  const guarded: Partial<Observation> =
    system.probe.granules === null
      ? {}
      : {
          granules: (from, to, buckets) => granuleMap(observer, from, to, buckets),
          granule: (address) => granule(observer, address),
          realms: () => {
            observer.refresh();
            return realms.realms.map((r) => realmOf(observer, r));
          },
          realm: (rd) => {
            const found = realms.find(rd);
            return found ? detailOf(observer, found) : null;
          },
          faults: () => faults(observer),
          readAs: (address, length, pas, mecid) => {
            const { bytes, foreign } = observer.readAs(Number(address), length, pas, mecid);
            return { bytes, encrypted: foreign };
          },
        };
  return {
    revisions: () => ({
      worlds: observer.worlds.revision,
      realms: realms.revision,
      granules: observer.granules.revision(cores),
      calls: realms.calls.revision,
      faults: Object.values(observer.memory.counts).reduce((a, b) => a + b),
    }),
    lost: () => observer.dropped,
    notices: () => notices,
    walk: (core, address, regime) => {
      const { steps, output, fault } = new Walker(system, core).explain(address, regime);
      return {
        steps: steps.map((s) => ({ ...s, address: toHex(s.address), descriptor: toHex(s.descriptor) })),
        output: output && { ...output, address: toHex(output.address) },
        fault,
      };
    },
    calls: (first, count, filter) => {
      observer.refresh();
      return calls.page(first, count, filter);
    },
    worlds: (from, to, limit) => timeline(system, observer, from, to, limit),
    ...guarded,
    close: () => observer.close(),
  };
}

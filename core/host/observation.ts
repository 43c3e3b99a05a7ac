/**
 * What watching a guest yields, as the views have it: worlds, realms, granules, calls, translations. A run has an `Observation`; each
 * part that is absent makes its view say so. All times are seconds of the guest's clock since the start.
 */

export type World = 'root' | 'realm' | 'secure' | 'normal';

/** Numbers that change when there is something new to ask for. */
export interface Revisions {
  readonly worlds: number;
  readonly realms: number;
  readonly granules: number;
  readonly calls: number;
  /** Granule faults and context mismatches. */
  readonly faults: number;
}

export interface WorldTimeline {
  readonly now: number;
  readonly lanes: readonly {
    readonly core: number;
    readonly segments: readonly {
      readonly from: number;
      readonly to: number;
      readonly world: World;
      readonly el: number;
      readonly waiting: boolean;
    }[];
    /** None where they are more than the limit. */
    readonly edges: readonly {
      readonly at: number;
      readonly kind: 'smc' | 'hvc' | 'eret' | 'irq' | 'fiq' | 'serror' | 'abort';
      readonly from: World;
      readonly to: World;
      readonly cause: string;
      readonly pc: string;
    }[];
    /** Share of time by world, 0–1, over the whole run. */
    readonly share: Readonly<Record<World, number>>;
    /** To EL3 and from it, since the start. */
    readonly switches: number;
    /** Switches a second in the time that was asked for. */
    readonly rate: number;
  }[];
}

export interface Realm {
  /** Physical address of the realm descriptor. */
  readonly rd: string;
  /** Its personalization value, where that is a text. */
  readonly name: string | null;
  readonly state: 'new' | 'active' | 'system-off' | 'destroyed';
  readonly vmid: number;
  /** Of the context that its memory is in, as MECID registers hold it; null without encryption contexts, or before there is memory. */
  readonly mecid: number | null;
  /** As the host asked for it (RMI_REALM_CREATE): RMM keeps some MECIDs to itself, and counts the others on its own. */
  readonly hostMecid: number | null;
  readonly recs: { readonly total: number; readonly running: number };
  readonly ramBytes: number;
  readonly rttGranules: number;
  /** Realm initial measurement, hexadecimal; null before activation. */
  readonly rim: string | null;
  readonly seconds: number;
}
export interface RttNode {
  readonly level: number;
  readonly ipa: string;
  readonly granule: string;
  readonly state: string;
  readonly children: readonly RttNode[];
}
export interface RealmDetail {
  readonly realm: Realm;
  readonly events: readonly { readonly at: number; readonly text: string }[];
  readonly recs: readonly {
    readonly rec: string;
    readonly mpidr: string;
    readonly runnable: boolean;
    readonly core: number | null;
    readonly lastExit: string | null;
  }[];
  /** `read`: as the realm read it; else as it follows from the calls that made the realm. Hexadecimal. */
  readonly measurements: readonly { readonly name: string; readonly value: string; readonly read: boolean }[];
  /** Realm personalization value, hexadecimal. */
  readonly personalization: string | null;
  /** The last attestation token that it got, in base64; `bytes` null: it was gone before it could be read. */
  readonly token: { readonly at: number; readonly bytes: string | null } | null;
  readonly rtt: readonly RttNode[];
}

/** One bucket is a range of equal size; where it holds several kinds, the one that most of its granules are. */
export interface GranuleMap {
  readonly bucketBytes: number;
  /** Base64, a byte a bucket: index into `states`. */
  readonly state: string;
  readonly states: readonly {
    readonly pas: World | 'none' | 'any';
    readonly mecid: number | null;
    /** The host's number for it, where a realm has it. */
    readonly hostMecid: number | null;
    readonly owner: World | null;
  }[];
  /** Base64, a byte a bucket: how recently it changed, 255 just now. */
  readonly heat: string;
}
export interface Granule {
  readonly address: string;
  readonly pas: World | 'none' | 'any';
  readonly mecid: number | null;
  readonly hostMecid: number | null;
  readonly owner: World | null;
  /** What RMM uses it for, if known. */
  readonly rmmState: string | null;
  /** Faults on this page, and contexts that met it, the newest last. */
  readonly events: readonly MemoryFault[];
}

export interface Call {
  readonly number: number;
  readonly at: number;
  readonly core: number;
  /** 0; 1 inside another call, and so on. */
  readonly depth: number;
  readonly from: World;
  readonly to: World;
  readonly name: string;
  readonly arguments: readonly { readonly name: string; readonly value: string }[];
  /** Null while it goes on. */
  readonly result: string | null;
  readonly failed: boolean;
  readonly seconds: number | null;
  readonly realm: string | null;
}
export interface CallPage {
  /** Calls that pass the filter, and the number of the first that is kept. */
  readonly total: number;
  readonly first: number;
  /** Calls that the filter has not come to yet: ask again. */
  readonly behind: number;
  readonly calls: readonly Call[];
}

/** A granule protection fault, or a context that met another's page. */
export interface MemoryFault {
  readonly number: number;
  readonly at: number;
  readonly kind: 'granule-fault' | 'context-mismatch' | 'takeover';
  /** Null: a device. */
  readonly core: number | null;
  readonly world: World;
  readonly el: number;
  readonly pc: string | null;
  readonly address: string;
  readonly pas: World;
  readonly access: string;
  /** Whose the page was, and who came; in words. */
  readonly owner: string | null;
  readonly accessor: string | null;
}

export interface Walk {
  readonly steps: readonly {
    readonly stage: 1 | 2 | 'gpt';
    readonly level: number;
    readonly address: string;
    readonly pas: World;
    readonly descriptor: string;
    readonly meaning: string;
    readonly mecid: number | null;
  }[];
  readonly output: { readonly address: string; readonly pas: World; readonly attributes: string } | null;
  readonly fault: string | null;
}

/** Supplies views; `core/observe` implements it. Each function may throw a UserError, which the view shows. */
export interface Observation {
  readonly revisions: () => Revisions;
  /** Records that were lost so far. */
  readonly lost?: () => number;
  readonly worlds?: (from: number, to: number, limit: number) => WorldTimeline;
  readonly realms?: () => readonly Realm[];
  readonly realm?: (rd: bigint) => RealmDetail | null;
  readonly granules?: (from: bigint, to: bigint, buckets: number) => GranuleMap;
  readonly granule?: (address: bigint) => Granule;
  readonly calls?: (first: number, count: number, filter: string) => CallPage;
  /** The newest last. */
  readonly faults?: () => readonly MemoryFault[];
  /** What does not fit between firmware and machine, a line each. */
  readonly notices?: () => readonly string[];
  readonly walk?: (core: number, address: bigint, regime: string) => Walk;
  /** A physical page as an owner of this physical address space and context reads it. */
  readonly readAs?: (
    address: bigint,
    length: number,
    pas: World,
    mecid: number,
  ) => { bytes: Uint8Array; encrypted: boolean };
  readonly close?: () => void;
}

export const NO_REVISIONS: Revisions = { worlds: 0, realms: 0, granules: 0, calls: 0, faults: 0 };

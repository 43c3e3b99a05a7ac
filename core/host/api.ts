/**
 * The host's interface to its faces: requests with answers, and events. It is carried by a WebSocket, by a port between Electron's
 * processes, or within a process; it is the same on each, and a face cannot tell which it has.
 *
 * A request is `{ id, method, params }`; its answer `{ id, result }` or `{ id, error: { code, message } }`; an event
 * `{ event, data }`. Everything is JSON (`values.ts`), but the bytes that consoles show (`messages.ts`). `params` are checked against the schema of the method before anything is done.
 */
import * as v from 'valibot';
import type { AnyLaunch, ListedPreset } from './launch.ts';
import type { Message } from './messages.ts';
import type * as views from './observation.ts';
import { base64, hex64, identifier, whole } from './values.ts';

export const API_VERSION = 1;

/** Bytes of one console message, either way. */
export const CONSOLE_CHUNK = 64 << 10;
/** Console bytes that are sent before the face has said that it has drawn some. */
export const CONSOLE_WINDOW = 512 << 10;
export const UPLOAD_CHUNK = 192 << 10;
/** Longest message that the host reads, in characters. */
export const MAX_MESSAGE = 1 << 20;

const run = identifier;
const core = whole(0, 127);
const index = whole(0, Number.MAX_SAFE_INTEGER);
const text = (limit: number) => v.pipe(v.string(), v.maxLength(limit));
/** A launch as a face has it, perhaps with mistakes; what is wrong with it is an answer, not an error. */
const draft = v.record(v.string(), v.unknown());

/** What each method takes. */
export const PARAMS = {
  hello: v.strictObject({}),

  'presets.list': v.strictObject({}),
  /** Adds a preset, or changes the one with this id. */
  'presets.save': v.strictObject({ id: v.nullable(identifier), name: text(80), description: text(500), launch: draft }),
  'presets.remove': v.strictObject({ id: identifier }),

  'launch.check': v.strictObject({ launch: draft }),
  /** `on`: Trireme's engine, or an installed QEMU. `paused`: stops before the first instruction. */
  'launch.start': v.strictObject({
    launch: draft,
    preset: v.nullable(identifier),
    name: text(80),
    on: v.picklist(['trireme', 'qemu']),
    paused: v.boolean(),
  }),

  'files.list': v.strictObject({ path: v.nullable(text(4096)) }),
  'files.upload': v.strictObject({
    /** Null: a new file. */
    upload: v.nullable(identifier),
    name: text(255),
    offset: index,
    bytes: base64(UPLOAD_CHUNK),
    last: v.boolean(),
  }),

  'runs.list': v.strictObject({}),
  'run.control': v.strictObject({
    run,
    action: v.picklist(['pause', 'resume', 'reset', 'powerOff', 'forceOff', 'close']),
  }),
  'run.step': v.strictObject({ run, core }),
  'run.breakpoints': v.strictObject({ run, addresses: v.pipe(v.array(hex64), v.maxLength(256)) }),

  /** From byte `from` on (−1: all that is kept); later output follows as events until `console.detach`. */
  'console.attach': v.strictObject({ run, console: identifier, from: v.pipe(v.number(), v.integer(), v.minValue(-1)) }),
  'console.detach': v.strictObject({ run, console: identifier }),
  /** The face has drawn everything before byte `offset`. */
  'console.ack': v.strictObject({ run, console: identifier, offset: index }),
  'console.input': v.strictObject({ run, console: identifier, bytes: base64(CONSOLE_CHUNK) }),
  'console.lines': v.strictObject({ run, console: identifier, first: index, count: whole(1, 5000) }),
  /** Lines of all consoles in the order in which they began. */
  'timeline.lines': v.strictObject({ run, first: index, count: whole(1, 5000) }),

  'registers.describe': v.strictObject({}),
  'registers.read': v.strictObject({ run, core }),
  'registers.write': v.strictObject({ run, core, name: text(32), value: hex64 }),
  'memory.regions': v.strictObject({ run }),
  /** `via`: as this core sees it; else physical. `as`: as the owner of another context would see it. */
  'memory.read': v.strictObject({
    run,
    address: hex64,
    length: whole(1, 64 << 10),
    via: v.nullable(core),
    as: v.nullable(v.strictObject({ pas: v.picklist(['root', 'realm', 'secure', 'normal']), mecid: whole(0, 0xffff) })),
  }),
  disassemble: v.strictObject({
    run,
    core,
    /** Null: around PC. */
    address: v.nullable(hex64),
    before: whole(0, 256),
    after: whole(0, 256),
  }),

  'worlds.timeline': v.strictObject({ run, from: v.number(), to: v.number(), limit: whole(1, 20_000) }),
  'realms.list': v.strictObject({ run }),
  'realms.detail': v.strictObject({ run, rd: hex64 }),
  'granules.map': v.strictObject({ run, from: hex64, to: hex64, buckets: whole(1, 65_536) }),
  'granules.inspect': v.strictObject({ run, address: hex64 }),
  'calls.read': v.strictObject({ run, first: index, count: whole(1, 2000), filter: text(200) }),
  'faults.read': v.strictObject({ run }),
  'translation.walk': v.strictObject({ run, core, address: hex64, regime: text(16) }),
} as const;

export type Method = keyof typeof PARAMS;
export type Params<M extends Method> = v.InferOutput<(typeof PARAMS)[M]>;

export type RunState = 'starting' | 'running' | 'paused' | 'ended';
export type World = views.World;

export interface ConsoleSummary {
  readonly id: string;
  /** `uart0`. */
  readonly name: string;
  /** Whose software writes to it; null where the machine does not say. */
  readonly world: World | null;
  /** Where the kept output begins and ends, as bytes since the start. */
  readonly start: number;
  readonly end: number;
  readonly lines: number;
}

/** A console that is to be had elsewhere, too: `127.0.0.1:5000`, `/dev/pts/3`. */
export interface ConsolePlace {
  readonly console: string;
  readonly place: string;
}

export interface CoreStatus {
  readonly index: number;
  readonly on: boolean;
  /** In WFI, WFE, or until input comes. */
  readonly waiting: boolean;
  /** Sampled a moment ago while it runs. */
  readonly el: number;
  readonly world: World;
  readonly pc: string;
  /** Millions of instructions a second since the previous status. */
  readonly mips: number;
}

/** Changes four times a second at most. */
export interface RunStatus {
  readonly run: string;
  /** Seconds: of the guest's clock, and of the host's while it was not paused. */
  readonly guestSeconds: number;
  readonly hostSeconds: number;
  readonly instructions: number;
  readonly cores: readonly CoreStatus[];
  readonly consoles: readonly ConsoleSummary[];
  readonly revisions: views.Revisions;
  /** Records of what the guest did that came faster than they could be kept: views of worlds, realms and calls have gaps. */
  readonly lost: number;
  readonly engine: Readonly<Record<string, number>>;
}

export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly preset: string | null;
  readonly on: 'trireme' | 'qemu';
  readonly launch: AnyLaunch;
  readonly state: RunState;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly exit: { readonly reason: string; readonly status: number; readonly message: string | null } | null;
  /** Why it is paused, and on which core. */
  readonly stop: { readonly kind: string; readonly core: number } | null;
  /** What does not fit between firmware and machine. */
  readonly notices: readonly string[];
  /** A guest that runs wild: the core's registers and instructions, as lines. */
  readonly report: readonly string[];
  readonly cores: number;
  readonly consoles: readonly ConsoleSummary[];
  readonly places: readonly ConsolePlace[];
  /** False: there is no power key, and to power off is to switch off. */
  readonly powerKey: boolean;
  readonly breakpoints: readonly string[];
  /** Registers and memory can still be read. */
  readonly inspectable: boolean;
  /** `off` where the machine has no encryption contexts. */
  readonly mec: { readonly enabled: boolean; readonly model: string; readonly width: number } | null;
}

export interface Problem {
  /** Path of the field, for instance `machine.uarts`; empty: the whole. */
  readonly field: string;
  readonly message: string;
}
export interface LaunchCheck {
  readonly problems: readonly Problem[];
  /** The same by command; null where there is none. */
  readonly commands: { readonly trireme: string | null; readonly qemu: string | null };
}

export interface FileEntry {
  readonly name: string;
  readonly path: string;
  readonly kind: 'file' | 'folder';
  readonly bytes: number;
}

export interface Line {
  readonly console: string;
  /** Counts the console's lines since the start. */
  readonly number: number;
  /** Seconds since the start of the run, of the host's clock and of the guest's. */
  readonly hostSeconds: number;
  readonly guestSeconds: number;
  /** Without escape sequences. */
  readonly text: string;
}

export interface RegisterField {
  readonly name: string;
  readonly msb: number;
  readonly lsb: number;
  readonly meaning: string;
}
export interface RegisterDescription {
  readonly name: string;
  readonly title: string;
  readonly area: string;
  readonly fields: readonly RegisterField[];
}
export interface RegisterValues {
  readonly core: number;
  /** `x0` … `x30`, `sp`, `pc`, `pstate`, `fpcr`, `fpsr`. */
  readonly general: Readonly<Record<string, string>>;
  /** V0–V31, 128 bits each. */
  readonly simd: readonly string[];
  readonly system: Readonly<Record<string, string>>;
}

export interface Region {
  readonly name: string;
  readonly kind: 'ram' | 'flash' | 'device';
  readonly base: string;
  readonly size: number;
}

export interface Instruction {
  readonly address: string;
  /** Null: not readable. */
  readonly word: string | null;
  readonly text: string;
}

export interface Results {
  hello: {
    readonly version: number;
    readonly product: string;
    /** `local`: the face is on the same machine, as Electron's window. */
    readonly place: 'local' | 'server';
    /** The installed QEMU, or null. */
    readonly qemu: string | null;
    readonly cpus: readonly string[];
  };
  'presets.list': { readonly presets: readonly ListedPreset[] };
  'presets.save': { readonly preset: ListedPreset };
  'presets.remove': Record<string, never>;
  'launch.check': LaunchCheck;
  'launch.start': { readonly run: string };
  'files.list': {
    readonly path: string | null;
    readonly parent: string | null;
    readonly entries: readonly FileEntry[];
  };
  'files.upload': { readonly upload: string; readonly path: string | null };
  'runs.list': { readonly runs: readonly RunSummary[] };
  'run.control': Record<string, never>;
  'run.step': Record<string, never>;
  'run.breakpoints': Record<string, never>;
  /** Bytes before `end` were shown before: what asks the terminal something there has been answered. */
  'console.attach': { readonly from: number; readonly end: number };
  'console.detach': Record<string, never>;
  'console.ack': Record<string, never>;
  'console.input': Record<string, never>;
  'console.lines': { readonly first: number; readonly total: number; readonly lines: readonly Line[] };
  'timeline.lines': { readonly first: number; readonly total: number; readonly lines: readonly Line[] };
  'registers.describe': { readonly registers: readonly RegisterDescription[] };
  'registers.read': RegisterValues;
  'registers.write': Record<string, never>;
  'memory.regions': { readonly regions: readonly Region[] };
  /** As many bytes as can be read from the first on. `encrypted`: what another context left there. */
  'memory.read': { readonly bytes: string; readonly encrypted: boolean };
  disassemble: { readonly pc: string; readonly instructions: readonly Instruction[] };
  'worlds.timeline': views.WorldTimeline;
  'realms.list': { readonly realms: readonly views.Realm[] };
  'realms.detail': views.RealmDetail;
  'granules.map': views.GranuleMap;
  'granules.inspect': views.Granule;
  'calls.read': views.CallPage;
  'faults.read': { readonly faults: readonly views.MemoryFault[] };
  'translation.walk': views.Walk;
}
export type Result<M extends Method> = Results[M];

/** Bytes of an attached console, from byte `offset` on; what lies between this and the previous event was not kept. */
export interface ConsoleOutput {
  readonly run: string;
  readonly console: string;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Another follows at once: drawing can wait for it. */
  readonly more: boolean;
}
export interface HostEvents {
  /** Presets were added, changed or removed. */
  presets: Record<string, never>;
  /** A run is new or has changed; null: it was closed. */
  run: { readonly id: string; readonly run: RunSummary | null };
  status: RunStatus;
  console: ConsoleOutput;
}
export type HostEvent = keyof HostEvents;

/**
 * `invalid`: the message is none of this interface; `refused`: not permitted; `missing`: no such run, console, …; `state`: not in
 * this state of the run; `unavailable`: nothing supplies this in this run; `user`: a mistake that the user can repair; `internal`: ours.
 */
export type ErrorCode = 'invalid' | 'refused' | 'missing' | 'state' | 'unavailable' | 'user' | 'internal';

export const requestSchema = v.strictObject({
  id: index,
  method: v.picklist(Object.keys(PARAMS) as Method[]),
  params: v.unknown(),
});

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}
export type ToFace =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: Failure }
  | { readonly event: HostEvent; readonly data: unknown };

/** A way to a face: messages, in order. */
export interface Carrier {
  send(message: Message): void;
  close(reason: string): void;
}

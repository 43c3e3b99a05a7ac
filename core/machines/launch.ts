/**
 * What is launched: machine, cores, memory, images, devices, consoles, as plain data. The command line, presets and the launch panel
 * make one; systems are configured from it. `launchSchema` checks data of unknown origin (a preset file, a message) and fills in
 * what is left out; the type derives from it. Rules that go over several fields are in `launch-check.ts`.
 */
import * as v from 'valibot';
import { WORLDS } from '../system/console-tag.ts';

const path = v.pipe(v.string(), v.nonEmpty('a path is needed'));
const flag = (value = false) => v.optional(v.boolean(), value);
const whole = (lowest: number, highest: number) =>
  v.pipe(
    v.number(),
    v.integer('a whole number is needed'),
    v.minValue(lowest, `at least ${lowest}`),
    v.maxValue(highest, `at most ${highest}`),
  );
/** `2026-11-21` or `2026-11-21T18:40:00`, as QEMU's -rtc has it. */
export const isDate = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?$/.test(text) &&
  !Number.isNaN(Date.parse(`${text}${text.length > 10 ? 'Z' : ''}`));
const orNull = <T extends v.GenericSchema>(schema: T) => v.optional(v.nullable(schema), null);
/** A physical address. */
const address = whole(0, 2 ** 48 - 1);

/** Where a console goes, beside or instead of the terminal. */
export const consoleTargetSchema = v.variant('to', [
  /** The terminal of the command, or the consoles of the workbench. */
  v.strictObject({ to: v.literal('terminal') }),
  /** Nobody reads, and nothing is typed. */
  v.strictObject({ to: v.literal('null') }),
  v.strictObject({ to: v.literal('file'), path, append: flag() }),
  /** A terminal of the host's. `link`: a symbolic link to it. */
  v.strictObject({ to: v.literal('pty'), link: orNull(path) }),
  /** `server`: listens there, else connects. `wait`: the guest starts when somebody has connected. Port 0: a free one. */
  v.strictObject({
    to: v.literal('tcp'),
    host: v.optional(v.string(), '127.0.0.1'),
    port: whole(0, 65535),
    server: flag(true),
    wait: flag(),
    telnet: flag(),
  }),
  v.strictObject({ to: v.literal('unix'), path, server: flag(true), wait: flag() }),
]);
export type ConsoleTarget = v.InferOutput<typeof consoleTargetSchema>;

/** Disks: `overlay` keeps what the guest writes in memory until the end; `write` changes the image; `read-only` is so for the guest. */
export const DISK_ACCESS = ['overlay', 'write', 'read-only'] as const;
/** Models of the memory protection engine. */
export const MEC_MODELS = ['exact', 'deadbeef', 'off'] as const;
export const ENGINE_MODES = ['normal', 'interpreter', 'compiled'] as const;

/** The transport of a virtio device (`virtio-mmio-bus.N` in QEMU's words); without one it takes the highest that is free. */
const slot = v.optional(whole(0, 31));
/** virtio devices, in the order in which they take transports. */
const virtioSchema = v.variant('device', [
  v.strictObject({
    device: v.literal('block'),
    file: path,
    access: v.optional(v.picklist(DISK_ACCESS), 'overlay'),
    /** VIRTIO_BLK_T_GET_ID, at most 20 characters. */
    serial: orNull(v.pipe(v.string(), v.maxLength(20))),
    /** Place in the order in which firmware is to try disks, lowest first; null: none. */
    bootIndex: orNull(whole(0, 2 ** 31 - 1)),
    slot,
  }),
  v.strictObject({
    device: v.literal('9p'),
    folder: path,
    tag: v.pipe(v.string(), v.nonEmpty('a mount tag is needed'), v.maxLength(31)),
    readOnly: flag(),
    slot,
  }),
  v.strictObject({ device: v.literal('rng'), slot }),
  /** Each port is a console; `name` is what the guest finds as the port's name. */
  v.strictObject({
    device: v.literal('console'),
    ports: v.array(v.strictObject({ name: orNull(v.string()), target: consoleTargetSchema })),
    slot,
  }),
]);
export type VirtioLaunch = v.InferOutput<typeof virtioSchema>;

/** Put into memory before the start, after everything else. */
const loaderSchema = v.variant('kind', [
  /** An ELF file or, with `raw` or where it is none, bytes for `address`. `core`: starts at the entry or the address. */
  v.strictObject({
    kind: v.literal('file'),
    file: path,
    address: orNull(address),
    raw: flag(),
    core: orNull(whole(0, 31)),
  }),
  v.strictObject({ kind: v.literal('data'), address, bytes: v.array(whole(0, 255)) }),
  v.strictObject({ kind: v.literal('entry'), address, core: whole(0, 31) }),
]);
export type LoaderLaunch = v.InferOutput<typeof loaderSchema>;

const fwCfgSchema = v.strictObject({
  name: v.pipe(v.string(), v.nonEmpty('a name is needed'), v.maxLength(55)),
  content: v.variant('from', [
    v.strictObject({ from: v.literal('file'), path }),
    v.strictObject({ from: v.literal('text'), text: v.string() }),
  ]),
});

const flashSchema = v.strictObject({ file: path, access: v.optional(v.picklist(DISK_ACCESS), 'overlay') });

export const launchSchema = v.strictObject({
  machine: v.strictObject({
    type: v.literal('virt'),
    /** EL3, and the devices and memory of the Secure world. */
    secure: flag(),
    /** EL2. */
    virtualization: flag(),
    /** PL011s: QEMU's one or two (by what is connected), or up to four. */
    uarts: orNull(whole(1, 4)),
    /** The device tree has seeds for the guest's random numbers and for where a kernel puts itself. */
    randomness: flag(true),
    /** virtio transports are of the legacy version 1, as QEMU's are unless told otherwise. */
    legacyVirtio: flag(),
  }),
  cpu: v.strictObject({
    /** A name of the CPU list. */
    model: v.optional(v.string(), 'max'),
    /** Changes to the model, by the names of `cpuFeatures`; `x-rme` is not among them, see `rme`. */
    features: v.optional(v.record(v.string(), v.boolean()), {}),
  }),
  cores: v.optional(whole(1, 32), 1),
  /** How the device tree groups the cores: numbers of sockets, of clusters in each, and so on; null: all in one cluster. */
  topology: orNull(
    v.strictObject({ sockets: whole(1, 32), clusters: whole(1, 32), cores: whole(1, 32), threads: whole(1, 32) }),
  ),
  memoryBytes: v.optional(
    v.pipe(
      whole(1 << 20, 2 ** 40),
      v.check((n) => n % 4096 === 0, 'a multiple of 4096 is needed'),
    ),
    128 << 20,
  ),
  /** What the real time clock shows at the start: the host's time, in UTC or its own zone, or an ISO date without a zone. */
  rtc: v.optional(
    v.strictObject({
      base: v.optional(
        v.pipe(
          v.string(),
          v.check(
            (text) => text === 'utc' || text === 'localtime' || isDate(text),
            'utc, localtime or a date is needed',
          ),
        ),
        'utc',
      ),
      /** `guest`: it stands still while the machine does. */
      follows: v.optional(v.picklist(['host', 'guest']), 'host'),
    }),
    {},
  ),
  rme: v.optional(
    v.strictObject({
      enabled: flag(),
      /** log2 of what a level-0 entry of the granule protection table covers: GPCCR_EL3.L0GPTSZ as a size. */
      l0gptsz: v.optional(v.picklist([30, 34, 36, 39]), 30),
    }),
    {},
  ),
  mec: v.optional(
    v.strictObject({
      enabled: flag(),
      /** Bits of a MECID. */
      mecidWidth: v.optional(whole(1, 16), 16),
      model: v.optional(v.picklist(MEC_MODELS), 'exact'),
    }),
    {},
  ),
  /** Image of the first flash bank. */
  bios: orNull(path),
  /** The two flash banks. */
  pflash: v.optional(v.strictTuple([v.nullable(flashSchema), v.nullable(flashSchema)]), [null, null]),
  kernel: orNull(path),
  initrd: orNull(path),
  append: orNull(v.string()),
  /** What firmware is told about booting, besides the disks' `bootIndex`. */
  boot: v.optional(
    v.strictObject({
      menu: flag(),
      /** Only disks with a `bootIndex` are to be tried, where there are any. */
      strict: flag(),
      /** How long the menu waits, and after what time a boot that failed is tried again, both in ms; null: firmware's choice; never. */
      menuWait: orNull(whole(0, 65535)),
      retryAfter: orNull(whole(0, 65535)),
    }),
    {},
  ),
  /** Instead of the machine's own device tree. */
  dtb: orNull(path),
  loaders: v.optional(v.array(loaderSchema), []),
  fwCfg: v.optional(v.array(fwCfgSchema), []),
  virtio: v.optional(v.pipe(v.array(virtioSchema), v.maxLength(32, 'there are 32 transports')), []),
  /** Of UART0, UART1, …; null: that line is not connected. */
  serials: v.optional(v.pipe(v.array(v.nullable(consoleTargetSchema)), v.maxLength(4)), [{ to: 'terminal' }]),
  /** Of the same: the one world that has the line to itself, after which its console is called (`host`, `rmm`, `monitor`, `secure`). */
  serialWorlds: v.optional(v.pipe(v.array(v.nullable(v.picklist(WORLDS))), v.maxLength(4)), []),
  /** Consoles, by name, that are to be had elsewhere too. */
  exposed: v.optional(v.array(v.strictObject({ console: v.string(), target: consoleTargetSchema })), []),
  /** Where the monitor is to be had, besides the terminal that consoles are on. */
  monitors: v.optional(v.array(consoleTargetSchema), []),
  semihosting: orNull(
    v.strictObject({
      /** Files that the guest may open: `none`, `all`, or a folder and what is below. */
      files: v.string(),
      /** The command line, word by word. */
      arguments: v.array(v.string()),
    }),
  ),
  /** A reset by the guest starts it again, or ends the run. */
  onReset: v.optional(v.picklist(['reset', 'exit']), 'reset'),
  /** Identity of the machine, as fw_cfg tells it. */
  uuid: orNull(v.pipe(v.string(), v.uuid('a UUID is needed'))),
  engine: v.optional(v.picklist(ENGINE_MODES), 'normal'),
  deterministic: flag(),
  /** Start of what is random in a deterministic run. */
  seed: orNull(whole(0, 2 ** 32 - 1)),
});

export type Launch = v.InferOutput<typeof launchSchema>;
/** What has to be said; the rest has defaults. */
export type LaunchInput = v.InferInput<typeof launchSchema>;

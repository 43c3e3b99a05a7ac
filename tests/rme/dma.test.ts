/**
 * DMA that the guest starts: code in Non-secure EL2 has a virtio disk read from and write to granules of other worlds, while another
 * core uses them and gives them away.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MemoryEvent } from '../../core/observe/faults.ts';
import { Observer } from '../../core/observe/observer.ts';
import { ALIAS, DISK, GPI, type Monitor, type MonitorOptions, PAGES, runMonitor } from './monitor.ts';

const MODES = [{ deterministic: false }, { deterministic: true }] as const;
const SECTOR = 512;
const NEEDS_RESET = 64;
const QUEUE_SIZE = 64;
const [DESCRIPTORS, AVAILABLE, USED] = [PAGES, PAGES + 0x800, PAGES + 0xa00];
const HEADERS = PAGES + 0x1000;
const RESULTS = PAGES + 0x1800;
/** Data pages by the world that has them. */
const DATA = { realm: PAGES + 0x2000, root: PAGES + 0x3000, secure: PAGES + 0x4000, normal: PAGES + 0x5000 } as const;
const GRANULES: [number, number][] = [
  [PAGES, GPI.nonSecure],
  [HEADERS, GPI.nonSecure],
  [DATA.realm, GPI.realm],
  [DATA.root, GPI.root],
  [DATA.secure, GPI.secure],
  [DATA.normal, GPI.nonSecure],
];
const [DONE, IO_ERROR] = [0n, 1n];
/** Where in a page the secret is. */
const PLACES = [0, 8, 0x100, SECTOR - 8] as const;
const SECRET = 0x5ec2_e75e_c2e7_5ec2n;
/** What is on the disk: words that tell their place. */
const onDisk = (sector: number): bigint => 0xd15c_0000_0000_0000n | BigInt(sector * SECTOR);

interface Transfer {
  /** The device reads memory and writes the disk, or the other way round. */
  readonly kind: 'memory to disk' | 'disk to memory';
  readonly address: number;
  readonly sector: number;
}

/** Requests as the driver lays them out: three descriptors each, in the order in which they will be made. */
class Requests {
  /** The page with the descriptors and the rings. */
  readonly queue = new Uint8Array(0x1000);
  private readonly headers = new Uint8Array(0x1000);
  private readonly queueView = new DataView(this.queue.buffer);
  private readonly headerView = new DataView(this.headers.buffer);
  private laid = 0;

  get memory(): [number, Uint8Array][] {
    return [
      [PAGES, this.queue],
      [HEADERS, this.headers],
    ];
  }
  /** Lays a request out; yields its number. */
  private lay({ kind, address, sector }: Transfer): number {
    const n = this.laid++;
    if (3 * n + 3 > QUEUE_SIZE) throw new Error('more requests than the queue has room for');
    const toDisk = kind === 'memory to disk';
    const describe = (i: number, at: number, length: number, flags: number): void => {
      const d = 16 * (3 * n + i);
      this.queueView.setBigUint64(d, BigInt(at), true);
      this.queueView.setUint32(d + 8, length, true);
      this.queueView.setUint16(d + 12, flags, true);
      this.queueView.setUint16(d + 14, 3 * n + i + 1, true);
    };
    const [NEXT, WRITE] = [1, 2];
    describe(0, HEADERS + 16 * n, 16, NEXT);
    describe(1, address, SECTOR, NEXT | (toDisk ? 0 : WRITE));
    describe(2, RESULTS + 8 * n, 1, WRITE);
    this.headerView.setUint32(16 * n, toDisk ? 1 : 0, true);
    this.headerView.setBigUint64(16 * n + 8, BigInt(sector), true);
    this.headers[RESULTS - HEADERS + 8 * n] = 0xff;
    this.queueView.setUint16(AVAILABLE - PAGES + 4 + 2 * n, 3 * n, true);
    return n;
  }
  /** The driver's start: status, features, the queue. */
  begin(a: Monitor, descriptors = DESCRIPTORS): void {
    const write = (offset: number, value: number): void => void a.in('ns2', 'store32', DISK + offset, value);
    write(0x70, 0);
    write(0x70, 3);
    write(0x24, 1);
    write(0x20, 1);
    write(0x70, 0xb);
    write(0x30, 0);
    write(0x38, QUEUE_SIZE);
    for (const [at, ring] of [
      [0x80, descriptors],
      [0x90, AVAILABLE],
      [0xa0, USED],
    ] as const) {
      write(at, ring);
      write(at + 4, 0);
    }
    write(0x44, 1);
    write(0x70, 0xf);
  }
  /** Notifies the device of one request more, without interrupts. */
  start(a: Monitor, transfer: Transfer): number {
    const n = this.lay(transfer);
    a.in('ns2', 'store32', AVAILABLE, 1 | ((n + 1) << 16)).in('ns2', 'store32', DISK + 0x50, 0);
    return n;
  }
  /** Makes a request, waits for it, and notes its result. */
  make(a: Monitor, transfer: Transfer): void {
    const n = this.start(a, transfer);
    a.in('ns2', 'await', USED, (n + 1) << 16)
      .in('ns2', 'load', RESULTS + 8 * n)
      .note();
  }
}

let folder: string;
let disk: string;
const original = new BigUint64Array((16 * SECTOR) / 8).map((_, i) => onDisk(0) + BigInt(8 * i));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-dma-'));
  disk = join(folder, 'disk');
  writeFileSync(disk, original);
});
afterEach(() => rmSync(folder, { recursive: true }));
/** The words of a sector of the disk, and as they were at the start. */
const words = (sector: number): bigint[] => {
  const bytes = readFileSync(disk);
  return Array.from({ length: SECTOR / 8 }, (_, i) => bytes.readBigUInt64LE(sector * SECTOR + 8 * i));
};
const originals = (sector: number): bigint[] =>
  Array.from({ length: SECTOR / 8 }, (_, i) => onDisk(sector) + BigInt(8 * i));

/** Realm EL2 writes the secret into its page, EL3 into its own. */
function hide(a: Monitor): void {
  a.set('MECID_A0_EL2', 5);
  for (const i of PLACES) a.in('realm2', 'store', DATA.realm + ALIAS + i, SECRET);
  a.movImm(1, SECRET);
  for (const i of PLACES) a.movImm(0, DATA.root + i).str(1, 0);
}
const options = (requests: Requests, more: NonNullable<MonitorOptions['memory']> = []): MonitorOptions => ({
  disk,
  granules: GRANULES,
  // Of the Secure world nothing runs here: its page holds what was loaded.
  memory: [
    ...requests.memory,
    [DATA.secure, new Uint8Array(new BigUint64Array(SECTOR / 8).fill(SECRET).buffer)],
    ...more,
  ],
});

/** Has an observer, which `look` gets when the machine has ended. */
const watching = (look: (observer: Observer) => void): NonNullable<MonitorOptions['watch']> => {
  return (system) => {
    const observer = new Observer(system, 'faults');
    return () => {
      observer.refresh();
      look(observer);
      observer.close();
    };
  };
};

describe.each(MODES)('%o', (mode) => {
  it('neither reads nor writes granules of Realm, Root and Secure state; its own it does', async () => {
    const requests = new Requests();
    const events: MemoryEvent[] = [];
    const secrets: bigint[] = [];
    const program = (a: Monitor, core: number): void => {
      if (core === 1) {
        hide(a);
        a.meet().meet();
        // Whole, on the core that wrote it.
        for (const i of PLACES) a.in('realm2', 'load', DATA.realm + ALIAS + i).note();
        a.movImm(0, DATA.root).ldr(1, 0).noteOwn(1);
        return;
      }
      a.meet();
      requests.begin(a);
      for (const [n, world] of (['realm', 'root', 'secure', 'normal'] as const).entries()) {
        requests.make(a, { kind: 'disk to memory', address: DATA[world], sector: n });
        requests.make(a, { kind: 'memory to disk', address: DATA[world], sector: 8 + n });
      }
      a.in('ns2', 'load', DATA.normal).note();
      a.meet();
    };
    const noted = await runMonitor(program, {
      ...options(requests),
      ...mode,
      watch: watching((observer) => {
        events.push(...observer.memory.last);
        const secure = observer.readAs(DATA.secure, 8, 'secure', 0).bytes;
        secrets.push(new DataView(secure.buffer, secure.byteOffset).getBigUint64(0, true));
      }),
    });
    const refused = [IO_ERROR, IO_ERROR];
    expect(noted[0]!.map((n) => n.value)).toEqual([...refused, ...refused, ...refused, DONE, DONE, onDisk(3)]);
    expect(noted[1]!.map((n) => n.value)).toEqual(new Array(PLACES.length + 1).fill(SECRET));
    expect(secrets).toEqual([SECRET]);
    for (const sector of [8, 9, 10]) expect(words(sector)).toEqual(originals(sector));
    expect(words(11)).toEqual(originals(3));
    // Each refusal is an event: no core's, with the page and whose it is.
    const line = (e: MemoryEvent): unknown[] => [e.kind, e.core, e.world, e.pas, e.access, e.address, e.owner?.pas];
    const both = (address: number, owner: string | undefined): unknown[] =>
      (['write', 'read'] as const).map((access) => ['granule-fault', null, 'normal', 'normal', access, address, owner]);
    expect(events.filter((e) => e.kind === 'granule-fault').map(line)).toEqual([
      ...both(DATA.realm, 'realm'),
      ...both(DATA.root, 'root'),
      ...both(DATA.secure, undefined),
    ]);
  });

  it('a granule that is given to it is its own once the TLBI is complete, without what was in it; taken back, it is not', async () => {
    const requests = new Requests();
    const program = (a: Monitor, core: number): void => {
      if (core === 1) {
        hide(a);
        a.meet().meet();
        a.granule(DATA.realm, GPI.nonSecure).meet().meet();
        a.granule(DATA.realm, GPI.realm).meet().meet();
        return;
      }
      const both = (sector: number): void => {
        requests.make(a, { kind: 'memory to disk', address: DATA.realm, sector });
        requests.make(a, { kind: 'disk to memory', address: DATA.realm, sector: 0 });
      };
      a.meet();
      requests.begin(a);
      both(8);
      a.meet().meet();
      both(9);
      a.in('ns2', 'load', DATA.realm).note();
      a.meet().meet();
      both(10);
      a.meet();
    };
    const meetings: unknown[] = [];
    const watch = watching(({ memory }) => {
      const foreign = memory.last.filter((e) => e.kind !== 'granule-fault' && e.core === null);
      for (const e of foreign) meetings.push([e.kind, e.access, e.address, e.pas, e.owner?.mecid, e.accessor?.pas]);
    });
    const noted = await runMonitor(program, { ...options(requests), ...mode, watch });
    expect(noted[0]!.map((n) => n.value)).toEqual([IO_ERROR, IO_ERROR, DONE, DONE, onDisk(0), IO_ERROR, IO_ERROR]);
    expect(meetings).toEqual([['context-mismatch', 'read', DATA.realm, 'normal', 5, 'normal']]);
    for (const sector of [8, 10]) expect(words(sector)).toEqual(originals(sector));
    for (const i of PLACES) expect([SECRET, onDisk(9) + BigInt(i)]).not.toContain(words(9)[i / 8]);
  });

  it('while a granule goes to and fro, what a realm has written in it stays, and never reaches the disk', async () => {
    const requests = new Requests();
    const [WRONG, ROUNDS, END] = [28, 29, PAGES + 0x7000];
    const program = (a: Monitor, core: number): void => {
      if (core === 0) {
        requests.begin(a);
        for (let i = 0; i < 10; i++) {
          requests.make(a, { kind: 'memory to disk', address: DATA.realm, sector: 8 });
          requests.make(a, { kind: 'disk to memory', address: DATA.realm, sector: 0 });
        }
        a.movImm(0, END).movImm(1, 1).str(1, 0).barrier('dsb sy');
        return;
      }
      a.set('MECID_A0_EL2', 5).movImm(WRONG, 0).movImm(ROUNDS, 0);
      a.label('round').addImm(ROUNDS, ROUNDS, 1);
      a.granule(DATA.realm, GPI.realm);
      for (const i of PLACES) a.in('realm2', 'store', DATA.realm + ALIAS + i, SECRET);
      for (const i of PLACES) {
        const fine = a.fresh();
        a.in('realm2', 'load', DATA.realm + ALIAS + i).movImm(2, SECRET);
        a.subs(2, 1, 2).cbz(2, fine).addImm(WRONG, WRONG, 1).label(fine);
      }
      a.granule(DATA.realm, GPI.nonSecure);
      a.movImm(0, END).ldr(1, 0).cbz(1, 'round');
      a.noteOwn(WRONG).noteOwn(ROUNDS);
    };
    const noted = await runMonitor(program, { ...options(requests), ...mode });
    const [wrong, rounds] = noted[1]!.map((n) => n.value);
    expect(wrong).toBe(0n);
    expect(rounds).toBeGreaterThan(0n);
    for (const { value } of noted[0]!) expect([DONE, IO_ERROR]).toContain(value);
    expect(words(8)).not.toContain(SECRET);
  });

  it('a queue that lies in a granule of Realm state stops the device', async () => {
    const requests = new Requests();
    const program = (a: Monitor, core: number): void => {
      if (core === 1) return;
      requests.begin(a, DATA.realm);
      requests.start(a, { kind: 'disk to memory', address: DATA.normal, sector: 0 });
      a.in('ns2', 'await', DISK + 0x70, 0xf | NEEDS_RESET);
      a.in('ns2', 'load', DATA.normal).note();
    };
    // They would do, were they in a granule of its own.
    const noted = await runMonitor(program, { ...options(requests, [[DATA.realm, requests.queue]]), ...mode });
    expect(noted[0]!.map((n) => n.value)).toEqual([0n]);
  });
});

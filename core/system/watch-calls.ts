/**
 * What observers get of calls (SMC, HVC) besides the exception itself: the registers that carry arguments and results, and the parts
 * of pages named by a call of the Realm Management Interface that say what is made (DEN0137, 1.0 and 1.1: structures of RMI).
 */
import { createHash } from 'node:crypto';
import { EC } from '../arch/exceptions/fields.ts';
import * as state from '../arch/state.ts';
import { PAYLOAD, WATCH_KIND } from './watch-record.ts';
import type { WatchedThread } from './watching.ts';

/** Function identifiers without the hint that SVE state is not live (SMCCC, section 2.5). */
export const FUNCTION_MASK = 0xfffeffff;
const PAGE = 4096;

/** Of which calls which page is looked at, when: the register that names it, and where in the page. */
const PAGES: Readonly<Record<number, { readonly register: number; readonly at: readonly number[] }>> = {
  // RMI_REALM_CREATE: what is measured, flags to hash; personalization value; VMID, tables, MECID.
  3288334680: { register: 2, at: [0x0, 0x20, 0x400, 0x420, 0x800, 0x820] },
  // RMI_REC_CREATE: flags; MPIDR; PC; general registers; auxiliary granules.
  3288334682: { register: 3, at: [0x0, 0x100, 0x200, 0x300, 0x320, 0x800, 0x820, 0x840, 0x860, 0x880] },
};
/** RMI_DATA_CREATE: of the page that it copies, X4, its hashes are told where X5 says that it is measured. */
const DATA_CREATE = 0xc4000153;
const MEASURED = 1n;
/** Where in a page's pieces its hashes are: behind the page. SHA-256 has 32 bytes, SHA-512 64. */
export const DIGESTS = { 'SHA-256': 0x1000, 'SHA-512': 0x1020 } as const;
const REC_ENTER = 0xc400015c;
/** Of a REC's run page: exit reason; syndrome; what a PSCI exit asks for. */
const EXIT = [0x800, 0x900, 0xa00];

/** One thread's; any of its cores. */
export class CallWatch {
  private readonly t: WatchedThread;
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  /** By core and caller (security state << 2 | level): a call of it has not returned. */
  private readonly open = new Set<number>();
  /** By core and caller: the run page of its REC_ENTER. */
  private readonly runs = new Map<number, number>();

  constructor(t: WatchedThread) {
    this.t = t;
    this.view = new DataView(t.memory);
    this.bytes = new Uint8Array(t.memory);
  }
  private key(cpu: number, level: number): number {
    return (this.view.getUint32(cpu + state.INDEX, true) << 8) | level;
  }

  /** An exception was taken to `el`; `from`: security state << 2 | level. */
  entered(cpu: number, from: number, el: number, ec: number): void {
    const call = ec === EC.smc ? el >= 2 : ec === EC.hvc && el === 2;
    if (!call) return;
    const key = this.key(cpu, from);
    this.open.add(key);
    this.words(cpu, 1);
    this.words(cpu, 5);
    const id = (Number(this.view.getBigUint64(cpu + state.X, true) & 0xffffffffn) & FUNCTION_MASK) >>> 0;
    if (id === REC_ENTER) this.runs.set(key, this.register(cpu, 2));
    const page = PAGES[id];
    if (page) this.page(cpu, this.register(cpu, page.register), page.at);
    if (id === DATA_CREATE && this.view.getBigUint64(cpu + state.X + 8 * 5, true) & MEASURED) {
      this.digests(cpu, this.register(cpu, 4));
    }
  }
  /** A return from an exception, to where the core is now. */
  left(cpu: number, to: number): void {
    const key = this.key(cpu, to);
    if (!this.open.delete(key)) return;
    this.words(cpu, 1);
    this.words(cpu, 5);
    const run = this.runs.get(key);
    if (run === undefined) return;
    this.runs.delete(key);
    this.page(cpu, run, EXIT);
  }

  private register(cpu: number, n: number): number {
    return Number(this.view.getBigUint64(cpu + state.X + 8 * n, true) & 0xffffffffffffn);
  }
  /** X(n) to X(n+3). */
  private words(cpu: number, n: number): void {
    const at = cpu + state.X + 8 * n;
    const core = this.view.getUint32(cpu + state.INDEX, true);
    this.t.writer.appendPayload(WATCH_KIND.words, core, n, 0, this.bytes.subarray(at, at + PAYLOAD.bytes));
  }
  private page(cpu: number, address: number, offsets: readonly number[]): void {
    const page = this.t.read(address - (address % PAGE), PAGE);
    if (page.length < PAGE) return;
    for (const at of offsets) this.piece(cpu, at, page.subarray(at, at + PAYLOAD.bytes));
  }
  private digests(cpu: number, address: number): void {
    const page = this.t.read(address - (address % PAGE), PAGE);
    if (page.length < PAGE) return;
    this.piece(cpu, DIGESTS['SHA-256'], createHash('sha256').update(page).digest());
    const long = createHash('sha512').update(page).digest();
    for (let n = 0; n < long.length; n += PAYLOAD.bytes) {
      this.piece(cpu, DIGESTS['SHA-512'] + n, long.subarray(n, n + PAYLOAD.bytes));
    }
  }
  private piece(cpu: number, at: number, bytes: Uint8Array): void {
    const core = this.view.getUint32(cpu + state.INDEX, true);
    this.t.writer.appendPayload(WATCH_KIND.bytes, core, 0, at, bytes);
  }
}

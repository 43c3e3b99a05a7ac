/**
 * One gdb client's session: commands in, replies out (GDB manual, appendix E). All-stop; thread N is core N − 1.
 */
import type { CoreAction, StopEvent, System, SystemExit, WatchAccess } from '../../system/api.ts';
import { bytesOf, encodePacket, fromHex, type Incoming, PacketReader, parseHex, toHex } from './packet.ts';
import { describeTarget, type Target } from './target.ts';
import { parseVCont, type VCont } from './vcont.ts';

const PACKET_SIZE = 0x4000;
const SIGINT = 2;
const SIGTRAP = 5;
const OK = 'OK';
const FAILED = 'E01';
const BAD_ADDRESS = 'E14';

/** What Z2, Z3, Z4 watch, and the words of stop replies. */
const WATCH: Readonly<Record<string, WatchAccess>> = { 2: 'write', 3: 'read', 4: 'access' };
const WATCH_WORDS: Readonly<Record<WatchAccess, string>> = { write: 'watch', read: 'rwatch', access: 'awatch' };

export interface GdbHost {
  send(bytes: Uint8Array): void;
  /** Ends the connection. */
  close(): void;
}

export class GdbSession {
  private readonly system: System;
  private readonly host: GdbHost;
  private readonly reader = new PacketReader();
  private readonly target: Target;
  private readonly endings: (() => void)[];
  private readonly points = new Map<string, () => void>();
  private acks = true;
  private last = new Uint8Array(0);
  /** Cores (from 0) that `g`, `m` and their like mean, and that `c` and `s` mean (−1: all). */
  private selected = 0;
  private stepping = 0;
  private lastStop: StopEvent = { core: 0, reason: { kind: 'pause' } };
  private exited: SystemExit | null = null;
  private awaiting = false;
  /** What is repeated while steps of a core stay in a range. */
  private stepped: VCont | null = null;
  private physical = false;
  private work: Promise<void> = Promise.resolve();

  constructor(system: System, host: GdbHost) {
    this.system = system;
    this.host = host;
    this.target = describeTarget(system.cores[0]?.sysregNames() ?? []);
    this.endings = [system.on('stopped', (stop) => this.stopped(stop)), system.on('exit', (exit) => this.ended(exit))];
  }

  /** Bytes from the client. They are served one packet after the other; resolves when these are. */
  receive(bytes: Uint8Array): Promise<void> {
    for (const item of this.reader.feed(bytes)) {
      // An interrupt must not wait behind anything.
      if (item.kind === 'interrupt') {
        this.stepped = null;
        void this.system.pause();
      } else this.work = this.work.then(() => this.take(item));
    }
    return this.work;
  }

  /** The client is gone: its breakpoints are, too. */
  finish(): void {
    for (const end of this.endings) end();
    this.removePoints();
  }

  private removePoints(): void {
    for (const remove of this.points.values()) remove();
    this.points.clear();
  }

  private async take(item: Incoming): Promise<void> {
    if (item.kind === 'nack') this.host.send(this.last);
    if (item.kind === 'damaged' && this.acks) this.host.send(bytesOf('-'));
    if (item.kind !== 'packet') return;
    if (this.acks) this.host.send(bytesOf('+'));
    let reply: string | null;
    try {
      reply = await this.command(item.data);
    } catch {
      reply = FAILED;
    }
    if (reply !== null) this.reply(reply);
  }

  private reply(data: string): void {
    this.last = Uint8Array.from(encodePacket(data));
    this.host.send(this.last);
  }

  // Events of the system.
  private stopped(stop: StopEvent): void {
    this.lastStop = stop;
    if (!this.awaiting) return;
    if (this.stepped && this.staysInRange(stop)) {
      this.system.resume(this.stepped.actions);
      return;
    }
    this.stepped = null;
    this.awaiting = false;
    this.selected = stop.core;
    this.reply(this.stopReply());
  }
  private staysInRange({ core, reason }: StopEvent): boolean {
    const range = this.stepped?.range;
    if (!range || reason.kind !== 'step' || core !== range.core) return false;
    const pc = this.system.cores[core]!.pc;
    return pc >= range.start && pc < range.end;
  }
  private ended(exit: SystemExit): void {
    this.exited = exit;
    if (!this.awaiting) return;
    this.awaiting = false;
    this.reply(this.stopReply());
  }
  private stopReply(): string {
    if (this.exited) return `W${this.exited.status.toString(16).padStart(2, '0')}`;
    const { core, reason } = this.lastStop;
    const thread = `thread:${(core + 1).toString(16)};`;
    const signal = (n: number): string => `T${n.toString(16).padStart(2, '0')}${thread}`;
    switch (reason.kind) {
      case 'pause':
        return signal(SIGINT);
      case 'breakpoint':
        return `${signal(SIGTRAP)}${this.points.has(`1,${this.pcOf(core)}`) ? 'hwbreak' : 'swbreak'}:;`;
      case 'watchpoint':
        return `${signal(SIGTRAP)}${WATCH_WORDS[reason.watchpoint.access]}:${reason.address.toString(16)};`;
      default:
        return signal(SIGTRAP);
    }
  }
  private pcOf(core: number): string {
    return this.system.cores[core]?.pc.toString(16) ?? '';
  }

  /** Yields the reply; null when there is none, or none yet. */
  private async command(data: string): Promise<string | null> {
    const rest = data.slice(1);
    switch (data[0]) {
      case '?':
        return this.stopReply();
      case 'g':
        return this.readAll();
      case 'G':
        return this.writeAll(rest);
      case 'p':
        return this.readOne(rest);
      case 'P':
        return this.writeOne(rest);
      case 'm':
        return this.readMemory(rest);
      case 'M':
        return this.writeMemory(rest, fromHex);
      case 'X':
        return this.writeMemory(rest, bytesOf);
      case 'Z':
      case 'z':
        return this.point(data[0] === 'Z', rest);
      case 'H':
        return this.select(rest);
      case 'T':
        return this.coreOf(rest) < 0 ? FAILED : OK;
      case 'c':
      case 'C':
      case 's':
      case 'S':
        return this.resumeOne(data[0]!, rest);
      case 'v':
        return this.longCommand(data);
      case 'q':
      case 'Q':
        return this.query(data);
      case 'D':
        this.removePoints();
        this.reply(OK);
        if (!this.system.running && !this.exited) this.system.resume();
        this.host.close();
        return null;
      case 'k':
        this.host.close();
        await this.system.stop();
        return null;
      default:
        return '';
    }
  }

  // Registers.
  private core(): System['cores'][number] {
    return this.system.cores[this.selected]!;
  }
  private readAll(): string {
    const core = this.core();
    return this.target.registers
      .slice(0, this.target.inG)
      .map((r) => toHex(r.get(core)))
      .join('');
  }
  private writeAll(text: string): string {
    const bytes = fromHex(text);
    if (!bytes) return FAILED;
    let at = 0;
    for (const r of this.target.registers.slice(0, this.target.inG)) {
      if (at + r.bytes > bytes.length) break;
      r.set(this.core(), bytes.subarray(at, at + r.bytes));
      at += r.bytes;
    }
    return OK;
  }
  private readOne(text: string): string {
    const r = this.target.registers[Number(parseHex(text) ?? -1n)];
    return r ? toHex(r.get(this.core())) : FAILED;
  }
  private writeOne(text: string): string {
    const [number, value] = text.split('=') as [string, string | undefined];
    const r = this.target.registers[Number(parseHex(number) ?? -1n)];
    const bytes = fromHex(value ?? '?');
    if (!r || bytes?.length !== r.bytes) return FAILED;
    return r.set(this.core(), bytes) ? OK : FAILED;
  }

  // Memory.
  private range(text: string): { address: bigint; length: number } | null {
    const [address, length] = text.split(',').map(parseHex) as [bigint | null, bigint | null | undefined];
    if (address === null || length === null || length === undefined || length > 0x100000n) return null;
    return { address, length: Number(length) };
  }
  private get via(): number | undefined {
    return this.physical ? undefined : this.selected;
  }
  private readMemory(text: string): string {
    const range = this.range(text);
    if (!range) return FAILED;
    const bytes = this.system.readMemory(range.address, Math.min(range.length, PACKET_SIZE / 2 - 8), this.via);
    return bytes.length === 0 && range.length > 0 ? BAD_ADDRESS : toHex(bytes);
  }
  private writeMemory(text: string, decode: (data: string) => Uint8Array | null): string {
    const colon = text.indexOf(':');
    const range = this.range(text.slice(0, colon));
    const bytes = decode(text.slice(colon + 1));
    if (colon < 0 || !range || bytes?.length !== range.length) return FAILED;
    return this.system.writeMemory(range.address, bytes, this.via) ? OK : BAD_ADDRESS;
  }

  // Breakpoints and watchpoints.
  private point(insert: boolean, text: string): string {
    const [type, where, size] = text.split(';')[0]!.split(',') as [string, string?, string?];
    const [address, length] = [parseHex(where ?? ''), parseHex(size ?? '')];
    if (!/^[0-4]$/.test(type)) return '';
    if (address === null || length === null) return FAILED;
    const access = WATCH[type];
    const key = access ? `${type},${address.toString(16)},${length}` : `${type},${address.toString(16)}`;
    if (!insert) {
      this.points.get(key)?.();
      this.points.delete(key);
      return OK;
    }
    if (this.points.has(key)) return OK;
    const { system } = this;
    if (access) {
      const watchpoint = { address, length: Number(length), access };
      system.addWatchpoint(watchpoint);
      this.points.set(key, () => system.removeWatchpoint(watchpoint));
    } else {
      // One address may have a breakpoint of each kind; the system knows only the address.
      const twin = `${type === '0' ? 1 : 0},${address.toString(16)}`;
      if (!this.points.has(twin)) system.addBreakpoint(address);
      this.points.set(key, () => {
        if (!this.points.has(twin)) system.removeBreakpoint(address);
      });
    }
    return OK;
  }

  // Threads.
  /** Core of a thread id; −1 when there is none. */
  private coreOf(text: string): number {
    const n = Number(parseHex(text) ?? 0n) - 1;
    return n >= 0 && n < this.system.cores.length ? n : -1;
  }
  private select(text: string): string {
    const [kind, id] = [text[0], text.slice(1)];
    const core = id === '0' ? 0 : this.coreOf(id);
    if (kind === 'c') {
      if (id !== '-1' && id !== '0' && core < 0) return FAILED;
      this.stepping = Math.max(core, 0);
      return OK;
    }
    if (kind !== 'g' || core < 0) return FAILED;
    if (id !== '0') this.selected = core;
    return OK;
  }

  // Running.
  private resume(actions: readonly CoreAction[]): null {
    if (this.exited) {
      this.reply(this.stopReply());
      return null;
    }
    this.awaiting = true;
    this.system.resume(actions);
    return null;
  }
  private resumeOne(kind: string, text: string): string | null {
    const address = parseHex(kind === 'C' || kind === 'S' ? (text.split(';')[1] ?? '') : text);
    if (address !== null) this.system.cores[this.stepping]!.pc = address;
    const steps = kind === 's' || kind === 'S';
    return this.resume(this.system.cores.map((_, n) => (steps && n === this.stepping ? 'step' : 'run')));
  }
  private async longCommand(data: string): Promise<string | null> {
    if (data === 'vCont?') return 'vCont;c;C;s;S;r';
    if (data.startsWith('vCont;')) {
      const vCont = parseVCont(data.slice(6), this.system.cores.length);
      if (!vCont) return FAILED;
      this.stepped = vCont.range && vCont;
      return this.resume(vCont.actions);
    }
    if (data.startsWith('vKill')) {
      this.reply(OK);
      await this.system.stop();
      return null;
    }
    return '';
  }

  // Queries.
  private async query(data: string): Promise<string | null> {
    const [name] = data.split(/[:;,]/, 1) as [string];
    const rest = data.slice(name.length + 1);
    switch (name) {
      case 'qSupported':
        return (
          `PacketSize=${PACKET_SIZE.toString(16)};qXfer:features:read+;vContSupported+;QStartNoAckMode+;` +
          'swbreak+;hwbreak+'
        );
      case 'QStartNoAckMode':
        this.reply(OK);
        this.acks = false;
        return null;
      case 'qXfer':
        return this.transfer(rest);
      case 'qAttached':
        return '1';
      case 'qC':
        return `QC${(this.selected + 1).toString(16)}`;
      case 'qfThreadInfo':
        return `m${this.system.cores.map((_, n) => (n + 1).toString(16)).join(',')}`;
      case 'qsThreadInfo':
        return 'l';
      case 'qThreadExtraInfo':
        return this.threadInfo(rest);
      case 'qSymbol':
        return OK;
      case 'qRcmd':
        return this.monitor(fromHex(rest));
      // QEMU's words for reading and writing physical memory, which its users know.
      case 'qqemu.PhyMemMode':
        return this.physical ? '1' : '0';
      case 'Qqemu.PhyMemMode':
        this.physical = rest === '1';
        return OK;
      default:
        return '';
    }
  }
  private transfer(text: string): string {
    const match = /^features:read:target\.xml:([0-9a-f]+),([0-9a-f]+)$/i.exec(text);
    if (!match) return text.startsWith('features:read:') ? 'E00' : '';
    const [from, length] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
    const part = this.target.xml.slice(from, from + Math.min(length, PACKET_SIZE - 8));
    return `${from + part.length < this.target.xml.length ? 'm' : 'l'}${part}`;
  }
  private threadInfo(text: string): string {
    const core = this.system.cores[this.coreOf(text)];
    if (!core) return FAILED;
    const level = `EL${(core.pstate >> 2n) & 3n}`;
    const state = !core.on ? 'off' : core.waiting ? `${level}, waiting` : level;
    return toHex(bytesOf(`core ${core.index} [${state}]`));
  }
  private async monitor(command: Uint8Array | null): Promise<string> {
    const text = new TextDecoder().decode(command ?? new Uint8Array()).trim();
    const say = (line: string): string => toHex(new TextEncoder().encode(`${line}\n`));
    switch (text) {
      case 'reset':
      case 'system_reset':
        await this.system.reset();
        return OK;
      case 'quit':
        await this.system.stop();
        return OK;
      case 'stats':
        return say(JSON.stringify(this.system.stats()));
      default:
        return say('monitor commands: reset, stats, quit');
    }
  }
}

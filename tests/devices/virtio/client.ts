/** A 9P2000.L client for tests: makes messages as Linux's v9fs does, and takes answers apart. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { MessageReader, MessageWriter } from '../../../core/devices/virtio/9p/message.ts';
import { T } from '../../../core/devices/virtio/9p/protocol.ts';
import type { NinepServer } from '../../../core/devices/virtio/9p/server.ts';

/** A folder of the host's to share, beside a file that must not be reached from it; `top` has both. */
export function folderWithSecret(): { top: string; share: string } {
  const top = fs.mkdtempSync(path.join(tmpdir(), 'trireme-9p-'));
  const share = path.join(top, 'share');
  fs.mkdirSync(share);
  fs.writeFileSync(path.join(top, 'secret'), 'outside');
  return { top, share };
}

export type Field =
  | readonly ['1' | '2' | '4', number]
  | readonly ['8', bigint | number]
  | readonly ['s', string]
  | readonly ['d', Uint8Array];

/** A message: numbers by their bytes, strings, data. */
export function message(type: number, fields: readonly Field[], tag = 1): Uint8Array {
  const writer = new MessageWriter(1 << 17).u32(0).u8(type).u16(tag);
  for (const [kind, value] of fields) {
    if (typeof value === 'string') writer.string(value);
    else if (typeof value === 'object') writer.data(value);
    else if (kind === '8') writer.u64(value);
    else if (kind === '4') writer.u32(Number(value));
    else if (kind === '2') writer.u16(Number(value));
    else writer.u8(Number(value));
  }
  writer.patch32(0, writer.length);
  return writer.finish().slice();
}

export const ROOT = 0;
export const O = { rdonly: 0, wronly: 1, rdwr: 2, excl: 0o200, trunc: 0o1000, append: 0o2000 };

export interface Stat {
  mode: number;
  uid: number;
  gid: number;
  nlink: bigint;
  rdev: bigint;
  size: bigint;
  mtime: bigint;
  ino: bigint;
}

export class Client {
  readonly server: NinepServer;
  private next = 1;

  constructor(server: NinepServer, uid = 0) {
    this.server = server;
    this.call(T.version, [
      ['4', 65536],
      ['s', '9P2000.L'],
    ]);
    this.call(T.attach, [
      ['4', ROOT],
      ['4', 0xffffffff],
      ['s', 'root'],
      ['s', ''],
      ['4', uid],
    ]);
  }

  /** The answer's fields; throws `errno N`. */
  call(type: number, fields: readonly Field[]): MessageReader {
    const reply = this.server.answer(message(type, fields, 7), 65536);
    const reader = new MessageReader(reply);
    const [size, kind, tag] = [reader.u32(), reader.u8(), reader.u16()];
    if (size !== reply.length || tag !== 7) throw new Error('a malformed answer');
    if (kind === 7) throw new Error(`errno ${reader.u32()}`);
    if (kind !== type + 1) throw new Error(`answer ${kind} to ${type}`);
    return reader;
  }
  /** A fid for a path. */
  walk(path: string, from = ROOT): number {
    const names = path.split('/').filter((name) => name !== '');
    const fid = this.next++;
    const reply = this.call(T.walk, [
      ['4', from],
      ['4', fid],
      ['2', names.length],
      ...names.map((name) => ['s', name] as Field),
    ]);
    if (reply.u16() !== names.length) throw new Error('errno 2');
    return fid;
  }
  clunk(fid: number): void {
    this.call(T.clunk, [['4', fid]]);
  }
  open(path: string, flags: number): number {
    const fid = this.walk(path);
    this.call(T.lopen, [
      ['4', fid],
      ['4', flags],
    ]);
    return fid;
  }
  create(folder: string, name: string, mode = 0o644, flags = O.rdwr, gid = 0): number {
    const fid = this.walk(folder);
    this.call(T.lcreate, [
      ['4', fid],
      ['s', name],
      ['4', flags],
      ['4', mode],
      ['4', gid],
    ]);
    return fid;
  }
  read(fid: number, offset = 0, count = 4096): string {
    const reply = this.call(T.read, [
      ['4', fid],
      ['8', offset],
      ['4', count],
    ]);
    return Buffer.from(reply.data(reply.u32())).toString();
  }
  write(fid: number, text: string, offset = 0): number {
    const bytes = Buffer.from(text);
    return this.call(T.write, [
      ['4', fid],
      ['8', offset],
      ['4', bytes.length],
      ['d', bytes],
    ]).u32();
  }
  stat(path: string): Stat {
    const fid = this.walk(path);
    const result = this.statFid(fid);
    this.clunk(fid);
    return result;
  }
  statFid(fid: number): Stat {
    const r = this.call(T.getattr, [
      ['4', fid],
      ['8', 0x7ff],
    ]);
    r.u64();
    r.data(5);
    const ino = r.u64();
    const [mode, uid, gid] = [r.u32(), r.u32(), r.u32()];
    const [nlink, rdev, size] = [r.u64(), r.u64(), r.u64()];
    r.data(16 + 16);
    return { mode, uid, gid, nlink, rdev, size, mtime: r.u64() * 1_000_000_000n + r.u64(), ino };
  }
  set(
    fid: number,
    valid: number,
    v: { mode?: number; uid?: number; gid?: number; size?: number; mtime?: number },
  ): void {
    this.call(T.setattr, [
      ['4', fid],
      ['4', valid],
      ['4', v.mode ?? 0],
      ['4', v.uid ?? 0],
      ['4', v.gid ?? 0],
      ['8', v.size ?? 0],
      ['8', 0],
      ['8', 0],
      ['8', v.mtime ?? 0],
      ['8', 0],
    ]);
  }
  /** Names with their kinds (DT_*), read in answers of `count` bytes. */
  list(path: string, count = 4096): Map<string, number> {
    const fid = this.open(path, O.rdonly);
    const found = new Map<string, number>();
    let offset = 0n;
    for (;;) {
      const reply = this.call(T.readdir, [
        ['4', fid],
        ['8', offset],
        ['4', count],
      ]);
      const data = reply.data(reply.u32());
      if (data.length === 0) break;
      const entries = new MessageReader(data);
      for (let at = 0; at < data.length; ) {
        entries.data(13);
        offset = entries.u64();
        const kind = entries.u8();
        const name = entries.string();
        found.set(name, kind);
        at += 24 + name.length;
      }
    }
    this.clunk(fid);
    return found;
  }
  mkdir(folder: string, name: string, mode = 0o755): void {
    this.call(T.mkdir, [
      ['4', this.walk(folder)],
      ['s', name],
      ['4', mode],
      ['4', 0],
    ]);
  }
  symlink(folder: string, name: string, target: string): void {
    this.call(T.symlink, [
      ['4', this.walk(folder)],
      ['s', name],
      ['s', target],
      ['4', 0],
    ]);
  }
  readlink(path: string): string {
    return this.call(T.readlink, [['4', this.walk(path)]]).string();
  }
  mknod(folder: string, name: string, mode: number, major: number, minor: number): void {
    this.call(T.mknod, [
      ['4', this.walk(folder)],
      ['s', name],
      ['4', mode],
      ['4', major],
      ['4', minor],
      ['4', 0],
    ]);
  }
  link(path: string, folder: string, name: string): void {
    this.call(T.link, [
      ['4', this.walk(folder)],
      ['4', this.walk(path)],
      ['s', name],
    ]);
  }
  rename(folder: string, name: string, to: string, newName: string): void {
    this.call(T.renameat, [
      ['4', this.walk(folder)],
      ['s', name],
      ['4', this.walk(to)],
      ['s', newName],
    ]);
  }
  unlink(folder: string, name: string, flags = 0): void {
    this.call(T.unlinkat, [
      ['4', this.walk(folder)],
      ['s', name],
      ['4', flags],
    ]);
  }
}

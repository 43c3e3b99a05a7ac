import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SharedFolder } from '../../../core/devices/virtio/9p/folder.ts';
import { T } from '../../../core/devices/virtio/9p/protocol.ts';
import { NinepServer } from '../../../core/devices/virtio/9p/server.ts';
import { HostTree } from '../../../core/devices/virtio/9p/tree.ts';
import type { SecurityModel } from '../../../core/devices/virtio/config.ts';
import { Client, folderWithSecret, message, O, ROOT } from './client.ts';

let top: string;
let share: string;
let servers: NinepServer[];
beforeEach(() => {
  servers = [];
  ({ top, share } = folderWithSecret());
});
afterEach(() => {
  for (const s of servers) s.close();
  fs.rmSync(top, { recursive: true });
});

interface Options {
  readonly model?: SecurityModel;
  readonly readonly?: boolean;
  readonly handles?: boolean;
}
function client({ model = 'mapped', readonly = false, handles }: Options = {}): Client {
  const server = new NinepServer(new SharedFolder(new HostTree(share, handles), model, readonly));
  servers.push(server);
  return new Client(server);
}
const host = (name: string): string => path.join(share, name);

describe.each([
  ['mapped', undefined],
  ['none', undefined],
  ['mapped', false],
  ['none', false],
] as const)('security model %s (handles: %s)', (model, handles) => {
  test('files: made, written, read, resized, renamed, removed', () => {
    const c = client({ model, handles });
    const fid = c.create('', 'file', 0o640);
    expect(c.write(fid, 'hello world')).toBe(11);
    expect(c.write(fid, 'HELLO')).toBe(5);
    expect(c.read(fid, 6)).toBe('world');
    expect(c.read(fid, 100)).toBe('');
    expect(() =>
      c.call(T.fsync, [
        ['4', fid],
        ['4', 0],
      ]),
    ).not.toThrow();
    expect(c.stat('file')).toMatchObject({ mode: 0o100640, size: 11n, nlink: 1n });
    c.set(fid, 8, { size: 5 });
    c.clunk(fid);
    expect(fs.readFileSync(host('file'), 'latin1')).toBe('HELLO');
    c.mkdir('', 'folder');
    c.rename('', 'file', 'folder', 'moved');
    expect(c.read(c.open('folder/moved', O.rdonly))).toBe('HELLO');
    expect(c.stat('folder/moved').mode).toBe(0o100640);
    expect(() => c.stat('file')).toThrow('errno 2');
    expect(() => c.unlink('', 'folder', 0x200)).toThrow('errno 39');
    expect(() => c.unlink('folder', 'moved', 0x200)).toThrow('errno 20');
    expect(() => c.unlink('', 'folder')).toThrow('errno 21');
    c.unlink('folder', 'moved');
    c.unlink('', 'folder', 0x200);
    expect([...c.list('').keys()]).toEqual(['.', '..']);
    expect(() => c.create('', 'x', 0o600, O.rdwr | O.excl)).not.toThrow();
    expect(() => c.create('', 'x', 0o600, O.rdwr | O.excl)).toThrow('errno 17');
    expect(() => c.create('', 'x', 0o600, O.rdwr)).not.toThrow();
    expect(() => c.mkdir('', 'x')).toThrow('errno 17');
    const append = c.open('x', O.wronly | O.append);
    c.write(append, 'abc');
    expect(() => c.read(append)).toThrow('errno 9');
    c.open('x', O.wronly | O.trunc);
    expect(c.stat('x').size).toBe(0n);
  });

  test('links, modes, times', () => {
    const c = client({ model, handles });
    c.clunk(c.create('', 'a', 0o600));
    c.symlink('', 'link', '/etc/passwd');
    expect(c.stat('link').mode).toBe(0o120777);
    expect(c.readlink('link')).toBe('/etc/passwd');
    expect(() => c.open('link', O.rdonly)).toThrow('errno 40');
    expect(() => c.readlink('a')).toThrow('errno 22');
    c.link('a', '', 'b');
    expect([c.stat('a').nlink, c.stat('a').ino === c.stat('b').ino]).toEqual([2n, true]);
    const fid = c.walk('b');
    c.set(fid, 1 | 0x20 | 0x100, { mode: 0o4711, mtime: 1_000_000_007 });
    expect(c.stat('a')).toMatchObject({ mode: 0o104711, mtime: 1_000_000_007_000_000_000n });
    c.set(c.walk(''), 1, { mode: 0o1777 });
    expect(c.stat('').mode).toBe(0o041777);
    fs.chmodSync(share, 0o755);
    expect([...c.list('')].sort()).toEqual([
      ['.', 4],
      ['..', 4],
      ['a', 8],
      ['b', 8],
      ['link', 10],
    ]);
  });

  test('names out of the folder, from the guest', () => {
    const c = client({ model, handles });
    fs.symlinkSync('..', host('up'));
    fs.symlinkSync('../secret', host('file'));
    c.mkdir('', 'inner');
    expect(c.stat('..').ino).toBe(c.stat('').ino);
    expect(c.stat('inner/../../../..').ino).toBe(c.stat('').ino);
    expect(() => c.stat('../secret')).toThrow('errno 2');
    expect(() => c.stat('up/secret')).toThrow('errno 2');
    expect(() => c.open('file', O.rdonly)).toThrow('errno 40');
    expect(() => c.list('up')).toThrow('errno 40');
    expect(() => c.create('up', 'x')).toThrow('errno 20');
    expect(() => c.create('', 'file')).toThrow('errno 40');
    expect(() => c.set(c.walk('file'), 8, { size: 1 })).toThrow('errno');
    expect(() => c.mkdir('up', 'x')).toThrow('errno 20');
    expect(() => c.unlink('up', 'secret')).toThrow('errno 20');
    expect(() => c.rename('up', 'secret', '', 'x')).toThrow('errno 20');
    expect(() => c.rename('', 'inner', 'up', 'x')).toThrow('errno 20');
    expect(() => c.link('inner/../file', 'up', 'x')).toThrow('errno 20');
    for (const name of ['..', '.', '', 'a/b', '../x', '/etc', 'a\0b', 'n'.repeat(256)]) {
      expect(() => c.create('', name)).toThrow('errno');
      expect(() => c.mkdir('', name)).toThrow('errno');
      expect(() => c.symlink('', name, 'x')).toThrow('errno');
      expect(() => c.mknod('', name, 0o100644, 0, 0)).toThrow('errno');
      expect(() => c.rename('', 'inner', '', name)).toThrow('errno');
      expect(() => c.unlink('', name, 0x200)).toThrow('errno');
      expect(() => c.link('inner', '', name)).toThrow('errno');
    }
    expect(fs.readdirSync(top)).toEqual(['secret', 'share']);
    expect(fs.readFileSync(path.join(top, 'secret'), 'latin1')).toBe('outside');
    // A link of the host's is still a link to the guest.
    expect(c.readlink('up')).toBe('..');
  });
});

describe('mapped', () => {
  test('owners, modes and special files of the guest, kept in files that it does not see', () => {
    const c = client();
    c.mknod('', 'null', 0o020666, 1, 3);
    c.mknod('', 'disk', 0o060600, 259, 0x12345);
    c.mknod('', 'fifo', 0o010644, 0, 0);
    c.symlink('', 'link', 'null');
    c.clunk(c.create('', 'file', 0o4755));
    c.mkdir('', 'folder', 0o2775);
    c.set(c.walk('file'), 6, { uid: 1000, gid: 100 });
    c.set(c.walk(''), 2, { uid: 33 });
    expect(c.stat('null')).toMatchObject({ mode: 0o020666, rdev: 0x103n, uid: 0 });
    expect(c.stat('disk').rdev).toBe((0x123n << 20n) | (259n << 8n) | 0x45n);
    expect(c.stat('fifo').mode).toBe(0o010644);
    expect(c.stat('file')).toMatchObject({ mode: 0o104755, uid: 1000, gid: 100 });
    expect(c.stat('folder').mode).toBe(0o042775);
    expect(c.stat('').uid).toBe(33);
    expect(() => c.open('fifo', O.rdonly)).toThrow('errno 6');
    const seen = ['.', '..', 'disk', 'fifo', 'file', 'folder', 'link', 'null'];
    expect([...c.list('').keys()].sort()).toEqual(seen);
    expect(fs.readFileSync(host('link'), 'latin1')).toBe('null');
    expect(fs.statSync(host('file')).mode & 0o7777).toBe(0o600);
    expect(fs.readFileSync(host('.virtfs_metadata/file'), 'latin1')).toBe(
      `virtfs.uid=1000\nvirtfs.gid=100\nvirtfs.mode=${0o104755}\n`,
    );
    for (const name of ['.virtfs_metadata', '.virtfs_metadata_root', '.VirtFS_Metadata']) {
      expect(() => c.stat(name)).toThrow('errno 2');
      expect(() => c.mkdir('', name)).toThrow('errno 2');
    }
    // Another session finds them again.
    expect(client().stat('file')).toMatchObject({ mode: 0o104755, uid: 1000, gid: 100 });
  });
  test('they follow renames and links, and go with the file', () => {
    const c = client();
    c.clunk(c.create('', 'a', 0o711));
    c.clunk(c.create('', 'b', 0o622));
    c.rename('', 'a', '', 'b');
    expect(c.stat('b').mode).toBe(0o100711);
    c.link('b', '', 'c');
    c.set(c.walk('c'), 1, { mode: 0o400 });
    expect(c.stat('b').mode).toBe(0o100400);
    fs.writeFileSync(host('plain'), '', { mode: 0o644 });
    c.rename('', 'plain', '', 'c');
    expect(c.stat('c').mode & 0o170000).toBe(0o100000);
    expect(c.stat('c').mode).toBe(fs.statSync(host('c')).mode);
    c.unlink('', 'b');
    c.unlink('', 'c');
    c.clunk(c.create('', 'b', 0o777));
    expect(c.stat('b').mode).toBe(0o100777);
    // A folder that replaces one with nothing but a store in it.
    c.mkdir('', 'old');
    c.clunk(c.create('old', 'x'));
    c.unlink('old', 'x');
    c.mkdir('', 'new', 0o700);
    c.rename('', 'new', '', 'old');
    expect(c.stat('old').mode).toBe(0o040700);
    // A store that is a link is not followed.
    fs.rmSync(host('.virtfs_metadata'), { recursive: true });
    fs.symlinkSync('..', host('.virtfs_metadata'));
    expect(() => c.create('', 'secret2')).toThrow('errno 20');
    expect(fs.readdirSync(top)).toEqual(['secret', 'share']);
  });
  test('open files outlive their names; fids follow renames', () => {
    const c = client();
    const fid = c.create('', 'a', 0o640);
    c.write(fid, 'kept');
    c.unlink('', 'a');
    expect(c.read(fid)).toBe('kept');
    expect(c.statFid(fid)).toMatchObject({ mode: 0o100640, nlink: 0n, size: 4n });
    c.mkdir('', 'd');
    c.clunk(c.create('d', 'f'));
    const inner = c.walk('d/f');
    c.rename('', 'd', '', 'e');
    expect(c.statFid(inner).mode).toBe(0o100644);
    c.call(T.remove, [['4', inner]]);
    expect(() => c.statFid(inner)).toThrow('errno 9');
    expect(() => c.stat('e/f')).toThrow('errno 2');
  });
});

test('read-only: nothing is made, written or changed', () => {
  fs.writeFileSync(host('file'), 'text');
  fs.mkdirSync(host('folder'));
  const c = client({ readonly: true });
  expect(c.read(c.open('file', O.rdonly))).toBe('text');
  const attempts = [
    () => c.open('file', O.rdwr),
    () => c.open('file', O.rdonly | O.trunc),
    () => c.create('', 'new'),
    () => c.mkdir('', 'new'),
    () => c.symlink('', 'new', 'x'),
    () => c.mknod('', 'new', 0o100644, 0, 0),
    () => c.link('file', '', 'new'),
    () => c.rename('', 'file', '', 'new'),
    () => c.unlink('', 'file'),
    () => c.unlink('', 'folder', 0x200),
    () => c.set(c.walk('file'), 1, { mode: 0 }),
    () => c.write(c.open('file', O.rdonly), 'x'),
  ];
  for (const attempt of attempts) expect(attempt).toThrow('errno 30');
  expect(fs.readdirSync(share).sort()).toEqual(['file', 'folder']);
});

test('names that are not UTF-8 pass; long folders come in pieces', () => {
  const c = client({ model: 'none' });
  c.clunk(c.create('', 'gr\xfcn'));
  expect(fs.readdirSync(share, { encoding: 'latin1' })).toEqual(['gr\xfcn']);
  for (let n = 0; n < 300; n++) fs.writeFileSync(host(`file-${n}`), '');
  expect(c.list('', 500).size).toBe(303);
  // One answer holds what fits and no more.
  expect(c.list('', 30).size).toBeLessThan(303);
});

test.runIf(process.platform === 'linux')('a FIFO of the host is seen, but not opened', () => {
  execFileSync('mkfifo', [host('fifo')]);
  const c = client({ model: 'none' });
  expect(c.stat('fifo').mode & 0o170000).toBe(0o010000);
  expect(() => c.open('fifo', O.rdonly)).toThrow('errno 6');
  expect(() => c.create('', 'fifo')).toThrow('errno 6');
});

test('the session: versions, message sizes, fids', () => {
  const c = client();
  const version = (msize: number, name: string): [number, string] => {
    const r = c.call(T.version, [
      ['4', msize],
      ['s', name],
    ]);
    return [r.u32(), r.string()];
  };
  const old = c.walk('');
  expect(version(8192, '9P2000.L')).toEqual([8192, '9P2000.L']);
  expect(version(2 ** 31, '9P2000.L')).toEqual([1 << 20, '9P2000.L']);
  expect(version(8192, '9P2000.u')[1]).toBe('unknown');
  expect(() => version(100, '9P2000.L')).toThrow('errno 22');
  expect(() => c.statFid(old)).toThrow('errno 9');
  version(4096, '9P2000.L');
  c.call(T.attach, [
    ['4', ROOT],
    ['4', 0xffffffff],
    ['s', ''],
    ['s', ''],
    ['4', 0],
  ]);
  expect(() =>
    c.call(T.auth, [
      ['4', 9],
      ['s', ''],
      ['s', ''],
      ['4', 0],
    ]),
  ).toThrow('errno 95');
  expect(() =>
    c.call(T.xattrwalk, [
      ['4', ROOT],
      ['4', 9],
      ['s', ''],
    ]),
  ).toThrow('errno 95');
  expect(() => c.call(200, [])).toThrow('errno 95');
  expect(() => c.call(T.clunk, [['2', 1]])).toThrow('errno 71');
  expect(() =>
    c.call(T.walk, [
      ['4', ROOT],
      ['4', ROOT + 1],
      ['2', 17],
    ]),
  ).toThrow('errno 22');
  expect(() => c.call(T.flush, [['2', 1]])).not.toThrow();
  const fid = c.create('', 'big');
  c.write(fid, 'x'.repeat(4000));
  expect(() => c.write(fid, 'x'.repeat(5000))).toThrow('errno 71');
  expect(c.read(fid, 0, 100_000).length).toBe(4000);
  c.write(fid, 'y'.repeat(1000), 4000);
  // An answer is no longer than the message size agreed on.
  expect(c.read(fid, 0, 100_000).length).toBe(4096 - 11);
  expect(
    c
      .call(T.lock, [
        ['4', fid],
        ['1', 1],
        ['4', 0],
        ['8', 0],
        ['8', 0],
        ['4', 1],
        ['s', 'me'],
      ])
      .u8(),
  ).toBe(0);
  const lock = c.call(T.getlock, [
    ['4', fid],
    ['1', 1],
    ['8', 5],
    ['8', 6],
    ['4', 7],
    ['s', 'me'],
  ]);
  expect([lock.u8(), lock.u64(), lock.u64(), lock.u32(), lock.string()]).toEqual([2, 5n, 6n, 7, 'me']);
  const fs9 = c.call(T.statfs, [['4', ROOT]]);
  expect([fs9.u32(), fs9.u32() > 0]).toEqual([0x01021997, true]);
  // What is held is bounded.
  expect(() => {
    for (let n = 0; n < 20_000; n++) c.walk('');
  }).toThrow('errno 24');
  expect(c.server.answer(message(T.version, []), 10).length).toBe(0);
});

test.runIf(process.platform === 'linux')(
  'a folder that the host exchanges for a link, again and again, never leads out',
  async () => {
    fs.mkdirSync(host('real'));
    fs.writeFileSync(host('real/secret'), 'inside');
    const code = `
    const fs = require('node:fs');
    const { workerData } = require('node:worker_threads');
    const { share, words } = workerData;
    const made = share + '/real', spare = share + '/spare', link = share + '/link';
    fs.symlinkSync('..', link);
    while (Atomics.load(words, 0) === 0) {
      fs.renameSync(made, spare); fs.renameSync(link, made);
      Atomics.add(words, 1, 1);
      fs.renameSync(made, link); fs.renameSync(spare, made);
    }`;
    const words = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(code, { eval: true, workerData: { share, words } });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const c = client({ model: 'none' });
    const outcomes = new Map<string, number>();
    const note = (what: string): void => void outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
    try {
      const until = performance.now() + 1500;
      for (let n = 0; performance.now() < until; n++) {
        try {
          const fid = c.open('real/secret', O.rdonly);
          note(c.read(fid));
          c.clunk(fid);
          c.clunk(c.create('real', 'made', 0o600));
          c.unlink('real', 'made');
        } catch (error) {
          note((error as Error).message);
        }
        if (n % 100 === 0)
          c.call(T.version, [
            ['4', 65536],
            ['s', '9P2000.L'],
          ]);
        if (n % 100 === 0)
          c.call(T.attach, [
            ['4', ROOT],
            ['4', 0xffffffff],
            ['s', ''],
            ['s', ''],
            ['4', 0],
          ]);
      }
    } finally {
      Atomics.store(words, 0, 1);
      await ended;
    }
    expect(words[1]).toBeGreaterThan(50);
    expect(outcomes.get('inside')).toBeGreaterThan(0);
    expect([...outcomes.keys()].filter((what) => what !== 'inside' && !what.startsWith('errno'))).toEqual([]);
    expect(fs.readdirSync(top)).toEqual(['secret', 'share']);
  },
);

/** Messages of 9P that are damaged, or make no sense. Each gets an answer that fits; nothing outside of the folder is touched. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { SharedFolder } from '../../core/devices/virtio/9p/folder.ts';
import { T } from '../../core/devices/virtio/9p/protocol.ts';
import { NinepServer } from '../../core/devices/virtio/9p/server.ts';
import { HostTree } from '../../core/devices/virtio/9p/tree.ts';
import { type Field, folderWithSecret, message } from '../devices/virtio/client.ts';
import type { Random } from '../support/random.ts';
import type { Fuzz, Target } from './target.ts';

const word = (value: number): Field => ['4', value];
const half = (value: number): Field => ['2', value];
const wide = (value: number): Field => ['8', value];
const string = (value: string): Field => ['s', value];
const words = (...values: number[]): Field[] => values.map(word);

/** What a session begins with. Fid 0: the root; 1: a folder; 2: an open file; 3: the root, open; 4: a link that leads out. */
const SESSION = [
  message(T.version, [word(65536), string('9P2000.L')]),
  message(T.attach, [...words(0, 0), string(''), string(''), word(0)]),
  message(T.mkdir, [word(0), string('d'), ...words(0o755, 0)]),
  message(T.walk, [...words(0, 1), half(1), string('d')]),
  message(T.walk, [...words(0, 2), half(0)]),
  message(T.lcreate, [word(2), string('a'), ...words(2, 0o644, 0)]),
  message(T.walk, [...words(0, 3), half(0)]),
  message(T.lopen, words(3, 0)),
  message(T.symlink, [word(0), string('l'), string('../secret'), word(0)]),
  message(T.walk, [...words(0, 4), half(1), string('l')]),
];
const NAMES = ['a', 'b', 'd', '..', '.', '', 'x/y', 'l'];

/** Requests of each kind, with fids and names that may be there. */
function requests(random: Random): readonly (() => Uint8Array)[] {
  const fid = (): Field => word(random(6));
  const name = (): Field => string(NAMES[random(NAMES.length)]!);
  return [
    () => message(T.walk, [fid(), fid(), half(2), name(), name()]),
    () => message(T.walk, [word(0), fid(), half(1), name()]),
    () => message(T.lopen, [fid(), word(random(8192))]),
    () => message(T.lcreate, [fid(), name(), ...words(random(8192), random(0o10000), 0)]),
    () => message(T.read, [fid(), wide(random(100)), word(random(9000))]),
    () => message(T.write, [fid(), wide(random(100)), word(5), ['d', new Uint8Array(5)]]),
    () => message(T.readdir, [fid(), wide(random(5)), word(random(9000))]),
    () => message(T.getattr, [fid(), wide(0x7ff)]),
    () => message(T.setattr, [fid(), ...words(random(512), 1, 1, 1), ...[1, 1, 1, 1, 1].map(wide)]),
    () => message(T.mkdir, [fid(), name(), ...words(0o755, 0)]),
    () => message(T.symlink, [fid(), name(), string('/etc/passwd'), word(0)]),
    () => message(T.mknod, [fid(), name(), ...words(random(65536), 1, 1, 0)]),
    () => message(T.link, [fid(), fid(), name()]),
    () => message(T.rename, [fid(), fid(), name()]),
    () => message(T.renameat, [fid(), name(), fid(), name()]),
    () => message(T.unlinkat, [fid(), name(), word(random(2) * 0x200)]),
    () => message(T.readlink, [fid()]),
    () => message(T.remove, [fid()]),
    () => message(T.clunk, [fid()]),
    () => message(T.attach, [fid(), word(0), string(''), string(''), word(0)]),
  ];
}

/** Type of an answer that tells an error (Rlerror). */
const ERROR = 7;
/** After so many rounds every kind of request has gone well at least once. */
const ENOUGH = 5000;

const messages: Target = {
  name: '9p',
  // A message, and an answer, have 1 MiB at most.
  memory: 128,
  open(random): Fuzz {
    const { top, share } = folderWithSecret();
    const server = new NinepServer(new SharedFolder(new HostTree(share), 'mapped', false));
    const make = requests(random);
    const good = new Set<number>();
    let rounds = 0;
    return {
      round() {
        let bytes = make[random(make.length)]!();
        for (let n = random(2) * random(3); n > 0; n--)
          bytes[random(8) ? 4 + random(bytes.length - 4) : random(4)] = random(256);
        if (random(10) === 0) bytes = bytes.subarray(0, random(bytes.length));
        // Fids that are lost make most requests fail: now and then a new session.
        if (rounds++ % 10 === 0) for (const begin of SESSION) server.answer(begin, 64);
        const limit = random(20) ? 8192 : random(64);
        const answer = server.answer(bytes, limit);
        if (answer.length > limit || (answer.length < 7 && limit >= 11))
          throw new Error(`an answer of ${answer.length} bytes, where ${limit} fit`);
        if (answer.length === 0 || answer[4] === ERROR) return false;
        good.add(answer[4]! - 1);
        return true;
      },
      close() {
        server.close();
        const outside = [fs.readdirSync(top).join(), fs.readFileSync(path.join(top, 'secret'), 'latin1')];
        fs.rmSync(top, { recursive: true });
        if (outside.join(': ') !== 'secret,share: outside') throw new Error(`outside of the folder: ${outside}`);
        const never = make.map((one) => one()[4]!).filter((kind) => !good.has(kind));
        if (rounds > ENOUGH && never.length > 0) throw new Error(`requests that never went well: ${never}`);
      },
    };
  },
};

export const NINEP: readonly Target[] = [messages];

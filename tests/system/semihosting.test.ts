import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SemihostingConfig } from '../../core/system/api.ts';
import type { CallOutcome } from '../../core/system/cpu-view.ts';
import { HostFiles } from '../../core/system/host-files.ts';
import { type SemihostingHost, semihostingCall } from '../../core/system/semihosting.ts';
import { FakeCpu } from '../support/fake-cpu.ts';

const BLOCK = 0x10000n;
const DATA = 0x11000n;
const OUT = 0x12000n;
const MINUS_ONE = 2n ** 64n - 1n;
const ENOENT = 2n;
const EBADF = 9n;
const EACCES = 13n;

let folder = '';
let cpu: FakeCpu;
let shown = '';
let typed: number[] = [];
let exits: number[] = [];
let host: SemihostingHost;

function useFiles(files: SemihostingConfig['files']): void {
  host = {
    files: new HostFiles(new SharedArrayBuffer(HostFiles.BYTES), 0, files),
    console: {
      sendAll: (bytes) => void (shown += new TextDecoder().decode(bytes)),
      receiveSome: (limit) => Uint8Array.from(typed.splice(0, limit)),
    },
    commandLine: 'prog.elf one two',
    heap: { base: 0x41000000n, limit: 0x48000000n },
    nanoseconds: () => 1_234_567_890n,
    wallSeconds: () => 1_700_000_000.7,
    exit: (status) => void exits.push(status),
    errno: 0,
  };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-semihosting-'));
  cpu = new FakeCpu();
  shown = '';
  typed = [];
  exits = [];
  useFiles({ root: folder });
});
afterEach(() => {
  host.files.closeAll();
  rmSync(folder, { recursive: true, force: true });
});

const put = (va: bigint, text: string): number => {
  const bytes = new TextEncoder().encode(text);
  cpu.writeBytes(va, Uint8Array.from([...bytes, 0]));
  return bytes.length;
};
const get = (va: bigint, length: number): string => new TextDecoder().decode(cpu.readBytes(va, length)!);
const words = (va: bigint, count: number): bigint[] => [...new BigUint64Array(cpu.readBytes(va, 8 * count)!.buffer)];
/** A call with a block of fields; yields X0. */
function call(operation: number, ...fields: (bigint | number)[]): bigint {
  cpu.writeBytes(BLOCK, new Uint8Array(BigUint64Array.from(fields, (f) => BigInt.asUintN(64, BigInt(f))).buffer));
  expect(raw(operation, BLOCK)).toBe('continue');
  return cpu.x(0);
}
function raw(operation: number, parameter: bigint): CallOutcome {
  cpu.setX(0, BigInt(operation));
  cpu.setX(1, parameter);
  return semihostingCall(host, cpu);
}
const open = (name: string, mode: number): bigint => call(1, DATA, mode, put(DATA, name));
const errno = (): bigint => {
  raw(19, 0n);
  return cpu.x(0);
};

describe('files', () => {
  test('write, seek, length, read back, close, remove', () => {
    const handle = open('notes.txt', 6);
    expect(handle).toBeGreaterThan(0n);
    expect(call(5, handle, DATA, put(DATA, 'hello file'))).toBe(0n);
    expect(call(12, handle)).toBe(10n);
    expect(call(10, handle, 6)).toBe(0n);
    expect(call(6, handle, OUT, 100)).toBe(96n);
    expect(get(OUT, 4)).toBe('file');
    expect(call(6, handle, OUT, 100)).toBe(100n);
    expect(call(9, handle)).toBe(0n);
    expect(call(2, handle)).toBe(0n);
    expect(call(2, handle)).toBe(MINUS_ONE);
    expect(errno()).toBe(EBADF);
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('hello file');
    expect(call(14, DATA, put(DATA, 'notes.txt'))).toBe(0n);
    expect(existsSync(join(folder, 'notes.txt'))).toBe(false);
  });
  test('every fopen mode does what it says', () => {
    const file = join(folder, 'm');
    for (const [mode, content] of [
      ...([
        [0, 'abc'],
        [2, 'Xbc'],
        [4, 'X'],
        [6, 'X'],
        [8, 'abcX'],
        [11, 'abcX'],
      ] as const),
    ]) {
      writeFileSync(file, 'abc');
      const handle = open('m', mode);
      expect(call(5, handle, DATA, put(DATA, 'X')), `mode ${mode}`).toBe(mode === 0 ? MINUS_ONE : 0n);
      call(2, handle);
      expect(readFileSync(file, 'utf8'), `mode ${mode}`).toBe(content);
    }
    rmSync(file);
    expect(open('m', 0)).toBe(MINUS_ONE);
    expect(errno()).toBe(ENOENT);
    expect(open('m', 12)).toBe(MINUS_ONE);
  });
  test('rename, and temporary names that differ by number', () => {
    writeFileSync(join(folder, 'a'), '1');
    const from = put(DATA, 'a');
    const to = put(OUT, 'b');
    expect(call(15, DATA, from, OUT, to)).toBe(0n);
    expect(existsSync(join(folder, 'b'))).toBe(true);
    expect(call(13, DATA, 7, 100)).toBe(0n);
    expect(get(DATA, 8)).toBe('trireme-');
    expect(call(13, DATA, 7, 5)).toBe(MINUS_ONE);
  });
  test('handles run out with an error, and come back', () => {
    writeFileSync(join(folder, 'a'), '');
    const handles: bigint[] = [];
    for (let h = open('a', 0); h !== MINUS_ONE; h = open('a', 0)) handles.push(h);
    expect(handles.length).toBe(64);
    call(2, handles[10]!);
    expect(open('a', 0)).toBe(handles[10]);
  });
  test('another instance over the same memory, as another thread has it, sees the same handles', () => {
    const buffer = new SharedArrayBuffer(HostFiles.BYTES);
    const [one, two] = [new HostFiles(buffer, 0, 'all'), new HostFiles(buffer, 0, 'all')];
    writeFileSync(join(folder, 'a'), 'abcdef');
    const handle = one.open(join(folder, 'a'), 0);
    expect(new TextDecoder().decode(one.read(handle, 2))).toBe('ab');
    expect(new TextDecoder().decode(two.read(handle, 2))).toBe('cd');
    two.close(handle);
    expect(() => one.read(handle, 1)).toThrow();
  });
});

describe('what the guest may reach', () => {
  test('nothing outside of the folder, by any path or link', () => {
    const outside = mkdtempSync(join(tmpdir(), 'trireme-outside-'));
    writeFileSync(join(outside, 'secret'), 's');
    symlinkSync(outside, join(folder, 'way'));
    symlinkSync(join(outside, 'secret'), join(folder, 'link'));
    symlinkSync(join(outside, 'fresh'), join(folder, 'dangling'));
    mkdirSync(join(folder, 'sub'));
    for (const name of ['/etc/passwd', '../x', 'sub/../../x', 'way/secret', 'link', `${outside}/secret`]) {
      expect(open(name, 0), name).toBe(MINUS_ONE);
      expect(errno(), name).toBe(EACCES);
    }
    expect(open('dangling', 4)).toBe(MINUS_ONE);
    expect(existsSync(join(outside, 'fresh'))).toBe(false);
    expect(call(14, DATA, put(DATA, 'way/secret'))).toBe(MINUS_ONE);
    expect(existsSync(join(outside, 'secret'))).toBe(true);
    // The link itself lies inside.
    expect(call(14, DATA, put(DATA, 'link'))).toBe(0n);
    expect(existsSync(join(outside, 'secret'))).toBe(true);
    expect(open(join(folder, 'sub', 'f'), 4)).toBeGreaterThan(0n);
    expect(open('sub', 0)).toBe(MINUS_ONE);
    rmSync(outside, { recursive: true });
  });
  test('none, or everything', () => {
    writeFileSync(join(folder, 'a'), 'x');
    useFiles('none');
    expect(open(join(folder, 'a'), 0)).toBe(MINUS_ONE);
    expect(open(':tt', 4)).toBeGreaterThan(0n);
    expect(call(13, DATA, 7, 100)).toBe(MINUS_ONE);
    useFiles('all');
    expect(open(join(folder, 'a'), 0)).toBeGreaterThan(0n);
  });
});

describe('console', () => {
  test('characters, strings and files named :tt', () => {
    put(DATA, 'A');
    raw(3, DATA);
    // The string ends at the end of the readable memory.
    const end = 0x14000n - 4n;
    put(end, 'xyz');
    raw(4, end);
    const handle = open(':tt', 4);
    expect(call(5, handle, DATA, put(DATA, ' out'))).toBe(0n);
    const error = open(':tt', 8);
    expect(call(5, error, DATA, put(DATA, ' err'))).toBe(0n);
    expect(call(9, handle)).toBe(1n);
    expect(call(10, handle, 0)).toBe(MINUS_ONE);
    expect(shown).toBe('Axyz out err');
  });
  test('a string without end is an error, not a loop', () => {
    cpu.memory.fill(0x61);
    expect(raw(4, DATA)).toBe('continue');
    expect(cpu.x(0)).toBe(MINUS_ONE);
  });
  test('reading waits for input, then takes what there is', () => {
    expect(raw(7, 0n)).toBe('retry');
    expect(cpu.x(0)).toBe(7n);
    typed = [...Buffer.from('keys')];
    expect(raw(7, 0n)).toBe('continue');
    expect(cpu.x(0)).toBe(BigInt(0x6b));
    const handle = open(':tt', 0);
    expect(call(6, handle, OUT, 10)).toBe(7n);
    expect(get(OUT, 3)).toBe('eys');
    cpu.writeBytes(BLOCK, new Uint8Array(BigUint64Array.from([handle, OUT, 10n]).buffer));
    expect(raw(6, BLOCK)).toBe('retry');
    expect(call(6, handle, OUT, 0)).toBe(0n);
  });
});

test('the features file says what is implemented', () => {
  const handle = open(':semihosting-features', 0);
  expect(call(12, handle)).toBe(5n);
  expect(call(6, handle, OUT, 5)).toBe(0n);
  expect([...cpu.readBytes(OUT, 5)!]).toEqual([0x53, 0x48, 0x46, 0x42, 3]);
  expect(call(10, handle, 4)).toBe(0n);
  expect(call(6, handle, OUT, 5)).toBe(4n);
  expect(open(':semihosting-features', 4)).toBe(MINUS_ONE);
});

test('time, command line, heap', () => {
  raw(16, 0n);
  expect(cpu.x(0)).toBe(123n);
  raw(17, 0n);
  expect(cpu.x(0)).toBe(1_700_000_000n);
  raw(48, OUT);
  expect(words(OUT, 1)).toEqual([1_234_567_890n]);
  raw(49, 0n);
  expect(cpu.x(0)).toBe(1_000_000_000n);
  expect(call(21, OUT, 100)).toBe(0n);
  expect(words(BLOCK, 2)).toEqual([OUT, 16n]);
  expect(get(OUT, 17)).toBe('prog.elf one two\0');
  expect(call(21, OUT, 16)).toBe(MINUS_ONE);
  expect(call(22, OUT)).toBe(0n);
  expect(words(OUT, 4)).toEqual([0x41000000n, 0x48000000n, 0x48000000n, 0x41000000n]);
});

test.each([
  [24, 0x20026, 0, 0],
  [24, 0x20026, 7, 7],
  [32, 0x20026, 300, 44],
  [24, 0x20026, -1, 255],
  [24, 0x20023, 0, 1],
])('exit: operation %d, reason %d, code %d is status %d', (operation, reason, code, status) => {
  cpu.writeBytes(
    BLOCK,
    new Uint8Array(BigUint64Array.from([reason, code], (v) => BigInt.asUintN(64, BigInt(v))).buffer),
  );
  expect(raw(operation, BLOCK)).toBe('system');
  expect(exits).toEqual([status]);
});

test('ISERROR, SYSTEM, unknown operations, wild pointers and sizes', () => {
  expect(call(8, -3)).toBe(1n);
  expect(call(8, 3)).toBe(0n);
  expect(call(18, DATA, put(DATA, 'rm -rf /'))).toBe(MINUS_ONE);
  expect(call(0x99)).toBe(MINUS_ONE);
  for (const operation of [1, 2, 5, 6, 9, 10, 12, 13, 14, 15, 21, 22, 24]) {
    raw(operation, 0xdead_0000_0000n);
    expect(cpu.x(0), `operation ${operation}`).toBe(MINUS_ONE);
  }
  expect(call(1, DATA, 4, 2n ** 63n)).toBe(MINUS_ONE);
  expect(call(6, 1, DATA, 2n ** 62n)).toBe(MINUS_ONE);
  expect(call(5, 2n ** 40n, DATA, 1)).toBe(MINUS_ONE);
  expect(exits).toEqual([]);
});

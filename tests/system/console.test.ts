import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { ByteRing } from '../../core/devices/ring.ts';
import { CONSOLE_BYTES, ConsoleHost, ConsolePort } from '../../core/system/console.ts';
import { consoleTag, coreOf, DEVICE_TAG, worldOf } from '../../core/system/console-tag.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (s: string): Uint8Array => new TextEncoder().encode(s);

describe('ring', () => {
  test('keeps order over its end, and says what does not fit', () => {
    const ring = new ByteRing(new SharedArrayBuffer(ByteRing.bytes(8)), 0, 8);
    expect(ring.write(bytes('abcdef'))).toBe(6);
    expect(text(ring.read(4))).toBe('abcd');
    expect(ring.write(bytes('ghijklmn'))).toBe(6);
    expect(ring.length).toBe(8);
    expect(text(ring.read(100))).toBe('efghijkl');
    expect(ring.read(1).length).toBe(0);
  });
  test('counts go on past 2^32', () => {
    const buffer = new SharedArrayBuffer(ByteRing.bytes(8));
    new Int32Array(buffer).fill(-3, 1, 3);
    const ring = new ByteRing(buffer, 0, 8);
    expect(ring.write(bytes('abcdefgh'))).toBe(8);
    expect(text(ring.read(8))).toBe('abcdefgh');
  });
});

test('output is handed on in order, and the bell rings once until the host has looked in vain', async () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  let rings = 0;
  const port = new ConsolePort(buffer, 0, { ring: () => void rings++ });
  let shown = '';
  const host = new ConsoleHost(buffer, 0, { output: (b) => void (shown += text(b)), inputReady: () => {} });
  port.sendAll(bytes('hello'));
  port.send(0x21);
  expect(rings).toBe(1);
  host.service();
  expect(shown).toBe('hello!');
  // It looks again by itself.
  port.send(0x3f);
  await expect.poll(() => shown).toBe('hello!?');
  expect(rings).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  port.send(0x3f);
  expect(rings).toBe(2);
  host.hold(true);
  host.service();
  expect(shown).toBe('hello!?');
  host.hold(false);
  expect(shown).toBe('hello!??');
});

test('each byte keeps its tag, through a ring that is full and wraps', () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  const got: number[] = [];
  const host = new ConsoleHost(buffer, 0, {
    output: (b, tags) => b.forEach((byte, i) => void got.push((byte << 8) | tags[i]!)),
    inputReady: () => {},
  });
  const bell = { ring: () => {}, makeRoom: () => host.drain() };
  let tag = 0;
  const port = new ConsolePort(buffer, 0, bell, false, () => tag);
  const wanted: number[] = [];
  for (let n = 0; n < 300; n++) {
    tag = consoleTag(n % 4, n % 32);
    const length = (n * 37) % 1000;
    const piece = Uint8Array.from({ length }, (_, i) => i + n);
    if (length === 0) port.send(n);
    else port.sendAll(piece);
    for (const byte of length === 0 ? [n & 255] : piece) wanted.push((byte << 8) | tag);
  }
  host.drain();
  expect(got).toEqual(wanted);
  expect([worldOf(consoleTag(2, 31)), coreOf(consoleTag(3, 31)), worldOf(DEVICE_TAG)]).toEqual(['root', 31, 'normal']);
});

test('where guest and host share a thread, a full ring is emptied on the spot', () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  let size = 0;
  const host = new ConsoleHost(buffer, 0, { output: (b) => void (size += b.length), inputReady: () => {} });
  const port = new ConsolePort(buffer, 0, { ring: () => {}, makeRoom: () => host.drain() });
  port.sendAll(new Uint8Array(300_000));
  host.drain();
  expect(size).toBe(300_000);
});

test('input waits until the guest takes it', () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  let ready = 0;
  const host = new ConsoleHost(buffer, 0, { output: () => {}, inputReady: () => void ready++ });
  const port = new ConsolePort(buffer, 0, { ring: () => host.service() });
  const typed = Uint8Array.from({ length: 20_000 }, (_, i) => i * 7);
  host.type(typed.subarray(0, 9000));
  host.type(typed.subarray(9000));
  expect(ready).toBeGreaterThan(0);
  const got: number[] = [];
  while (port.waiting > 0) {
    got.push(port.receive());
    got.push(...port.receiveSome(1000));
  }
  expect(got).toEqual([...typed]);
  expect(port.receive()).toBe(-1);
});

test('a guest thread may wait until its output was seen and answered, even by a slow reader', async () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  const file = new URL('../../core/system/console.ts', import.meta.url).href;
  const worker = new Worker(
    `import { parentPort, workerData } from 'node:worker_threads';
     const { ConsolePort } = await import(workerData.file);
     const port = new ConsolePort(workerData.buffer, 0, { ring: () => parentPort.postMessage('') }, true);
     let got = '';
     for (let i = 0; i < 200; i++) {
       port.sendAll(new TextEncoder().encode(i + ';'));
       port.settle();
       got += new TextDecoder().decode(port.receiveSome(100));
     }
     parentPort.postMessage(got);`,
    { eval: true, workerData: { buffer, file }, execArgv: ['--input-type=module', '--no-warnings'] },
  );
  let got = '';
  let turn = 0;
  const host = new ConsoleHost(
    buffer,
    0,
    {
      output: (b) => {
        host.type(bytes(text(b).replace(';', '!')));
        if (turn++ % 50 === 0) {
          host.hold(true);
          setTimeout(() => host.hold(false), 3);
        }
      },
      inputReady: () => {},
    },
    true,
  );
  worker.on('message', (m: string) => {
    got = m;
    host.service();
  });
  await once(worker, 'exit');
  expect(got).toBe(Array.from({ length: 200 }, (_, i) => `${i}!`).join(''));
});

test('an exact console shows and takes nothing between two meetings', () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  let shown = '';
  const events = {
    output: (b: Uint8Array) => {
      shown += text(b);
      host.type(bytes(`<${b.length}>`));
    },
    inputReady: () => {},
  };
  const host = new ConsoleHost(buffer, 0, events, true);
  host.type(bytes('first'));
  const port = new ConsolePort(buffer, 0, { ring: () => host.service(), makeRoom: () => host.service() }, true);
  expect(text(port.receiveSome(100))).toBe('first');
  host.type(bytes('second'));
  expect(port.waiting).toBe(0);
  port.sendAll(new Uint8Array(100_000));
  host.service();
  expect(shown).toBe('');
  expect(port.receive()).toBe(-1);
  port.settle();
  expect(shown.length).toBe(100_000);
  expect(text(port.receiveSome(100))).toBe('second<65536><34464>');
  port.sendAll(bytes('the end'));
  host.drain();
  expect(shown).toContain('the end');
});

test('a slow reader loses nothing of a guest thread that does not wait to be asked', async () => {
  const buffer = new SharedArrayBuffer(CONSOLE_BYTES);
  const total = 400_000;
  const file = new URL('../../core/system/console.ts', import.meta.url).href;
  const worker = new Worker(
    `import { parentPort, workerData } from 'node:worker_threads';
     const { ConsolePort } = await import(workerData.file);
     const port = new ConsolePort(workerData.buffer, 0, { ring: () => parentPort.postMessage(0) });
     for (let i = 0; i < ${total}; i += 8) port.sendAll(Uint8Array.from({ length: 8 }, (_, k) => (i + k) % 251));`,
    { eval: true, workerData: { buffer, file }, execArgv: ['--input-type=module', '--no-warnings'] },
  );
  let next = 0;
  let good = true;
  const host = new ConsoleHost(buffer, 0, {
    output: (b) => {
      for (const byte of b) good &&= byte === next++ % 251;
    },
    inputReady: () => {},
  });
  worker.on('message', () => {
    host.hold(true);
    setTimeout(() => host.hold(false), 5);
  });
  const ended = once(worker, 'exit');
  await ended;
  host.hold(false);
  expect(good).toBe(true);
  expect(next).toBe(total);
});

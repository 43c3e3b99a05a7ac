import { describe, expect, test } from 'vitest';
import { PARAMS } from '../../core/host/api.ts';
import { Face, testHost } from './support.ts';

/** A small generator of reproducible numbers (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const WORDS = [
  'r1',
  'uart0',
  'x0',
  'SCTLR_EL1',
  '0x40000000',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '',
  'A'.repeat(5000),
  '\0',
  'AAAA',
];
const NUMBERS = [0, -1, 1, 3, 1.5, 2 ** 31, 2 ** 53, 1e308, 255, 65_536];

function value(next: () => number, depth = 0): unknown {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  switch (Math.floor(next() * (depth > 3 ? 5 : 8))) {
    case 0:
      return pick(WORDS);
    case 1:
      return pick(NUMBERS);
    case 2:
      return next() < 0.5;
    case 3:
      return null;
    case 4:
      return pick(['pause', 'resume', 'reset', 'trireme', 'qemu', 'close', 'general']);
    case 5:
      return Array.from({ length: Math.floor(next() * 4) }, () => value(next, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: Math.floor(next() * 4) }, () => [pick(WORDS).slice(0, 20), value(next, depth + 1)]),
      );
  }
}

describe('hostile messages', () => {
  test('what is none of the interface is refused and logged, and at last the face is sent away', async () => {
    const { host, log } = testHost();
    const face = new Face(host);
    expect((await face.answer('no.such.method', {})).error?.code).toBe('invalid');
    expect((await face.answer('toString', {})).error?.code).toBe('invalid');
    expect((await face.answer('run.control', { run: 'r1', action: 'explode' })).error?.code).toBe('invalid');
    expect((await face.answer('run.control', { run: 'r1', action: 'pause', more: 1 })).error?.code).toBe('invalid');
    expect((await face.answer('run.control', { run: '../x', action: 'pause' })).error?.code).toBe('invalid');
    expect(log.length).toBe(5);
    for (let n = 0; n < 60; n++) face.raw('{');
    expect(face.closed).toEqual(['too many malformed messages']);
  });

  test('random messages of every method do not bring the host down', async () => {
    const { host, log, program } = testHost();
    const next = random(20_261_121);
    const steady = new Face(host);
    await steady.start(program);
    for (let round = 0; round < 60; round++) {
      const face = new Face(host);
      for (const method of Object.keys(PARAMS)) {
        const entries = (PARAMS[method as keyof typeof PARAMS] as { entries: Record<string, unknown> }).entries;
        const params = Object.fromEntries(Object.keys(entries).map((key) => [key, value(next)]));
        face.raw(
          JSON.stringify({ id: next() < 0.9 ? 1 : value(next), method, params: next() < 0.9 ? params : value(next) }),
        );
      }
      face.raw(JSON.stringify(value(next)));
      await new Promise((resolve) => setImmediate(resolve));
      face.leave();
    }
    expect((await steady.ask('hello', {})).product).toBe('Trireme');
    expect(log.filter((line) => line.includes('failed:'))).toEqual([]);
  });
});

/**
 * Random RMI calls (resources/firmware/tests/payload/fuzz.c): RMM never panics, no call does to a granule what it must not, and the
 * granule protection table says, seen from outside, what the calls' results say.
 */
import { describe, expect, test } from 'vitest';
import { type Shape, testHost } from './firmware.ts';

const SECONDS = 110;

interface Fuzzed {
  readonly reason: string;
  readonly console: string;
  /** Granules whose state in the table is not what the host believes. */
  readonly differing: string[];
  readonly granules: number;
}

async function fuzz(seed: number, calls: number, shape: Shape): Promise<Fuzzed> {
  const system = await testHost(`fuzz ${seed} ${calls}`, shape);
  const timer = setTimeout(() => void system.stop(), SECONDS * 1000);
  try {
    const parts: Uint8Array[] = [];
    system.on('console', (_id, bytes) => void parts.push(bytes.slice()));
    const exit = new Promise<string>((resolve) => system.on('exit', ({ reason }) => resolve(reason)));
    await system.start();
    const reason = await exit;
    const console = Buffer.concat(parts).toString('latin1').replaceAll('\r', '');
    const differing: string[] = [];
    let granules = 0;
    for (const [, base, map] of console.matchAll(/^GRANULES: ([0-9a-f]+) (\S+)$/gm)) {
      for (const [n, letter] of [...map!].entries()) {
        const address = Number.parseInt(base!, 16) + n * 4096;
        const { state } = system.probe.granules!.at(address);
        granules++;
        if (state !== (letter === '.' ? 'non-secure' : 'realm'))
          differing.push(`${address.toString(16)} ${letter} ${state}`);
      }
    }
    return { reason, console, differing, granules };
  } finally {
    clearTimeout(timer);
    await system.stop();
  }
}

const SHAPES: readonly (readonly [number, Shape])[] = process.env.TRIREME_FULL
  ? [1, 2, 3, 4, 5, 6, 7, 8].flatMap((seed) =>
      [1, 2, 4].flatMap((cores) =>
        ([null, 'exact', 'deadbeef'] as const).map((mec) => [seed, { cores, mec }] as const),
      ),
    )
  : [
      [1, { cores: 2, mec: 'exact' }],
      [2, { cores: 1, mec: null }],
    ];
const CALLS = process.env.TRIREME_FULL ? 5000 : 1500;

describe('random RMI calls', () => {
  test.each(SHAPES)('seed %d, %j', async (seed, shape) => {
    const { reason, console, differing, granules } = await fuzz(seed, CALLS, shape);
    expect(console.split('\n').filter((line) => /FAIL|PANIC|Unexpected exception/.test(line))).toEqual([]);
    expect(reason).toBe('poweroff');
    expect(granules).toBe(96 * shape.cores);
    expect(differing).toEqual([]);
    const calls = [...console.matchAll(/^CALLS: (\d+), of which (\d+) succeeded, (\d+) into realms$/gm)];
    expect(calls).toHaveLength(shape.cores);
    for (const [, made, succeeded] of calls) {
      expect(Number(made)).toBeGreaterThanOrEqual(CALLS);
      expect(Number(succeeded)).toBeGreaterThan(100);
    }
    // Some of it is done by realms that run.
    expect(calls.reduce((sum, [, , , entries]) => sum + Number(entries), 0)).toBeGreaterThan(20);
  });
});

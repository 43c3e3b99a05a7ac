import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineMode, StopEvent, System } from '../../core/system/api.ts';
import { Code } from '../engine/asm.ts';
import { CODE, DATA, exit, program, start } from '../engine/program.ts';
import { elfOf, endState, PLAIN, runSystem, watched } from '../support/system-run.ts';

const guest = (name: string) => elfOf(join(import.meta.dirname, `../guests/elf/${name}.elf`), PLAIN.memoryBytes);
const WAYS: readonly (readonly [EngineMode, boolean])[] = [
  ['normal', false],
  ['compiled', false],
  ['interpreter', false],
  ['normal', true],
];
const nextStop = (system: System): Promise<StopEvent> =>
  new Promise((resolve) => {
    const off = system.on('stopped', (e) => {
      off();
      resolve(e);
    });
  });
const seconds = (n: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, n * 1000));

/** Resolves when the system, which runs, has run so many instructions more: on a busy host it may take a while to get to them. */
async function ranMore(system: System, count = 1000): Promise<void> {
  const from = system.stats().instructions;
  for (let tries = 0; tries < 400 && system.stats().instructions < from + count; tries++) await seconds(0.025);
}

/** X1 counts up for ever; each round is stored at DATA. */
function counting(): { code: Code; loop: number } {
  const code = start(new Code()).movImm(2, DATA) as Code;
  const loop = CODE + 4 * code.words.length;
  code.label('loop').addImm(1, 1, 1).str(1, 2).b('loop');
  return { code, loop };
}

describe.each(WAYS)('life of a system, %s, deterministic: %s', (engine, deterministic) => {
  const config = { engine, deterministic };

  it('starts paused, runs, pauses, steps, goes on, is reset, ends', async () => {
    const { code, loop } = counting();
    const w = await watched({ ...config, ...program(code) });
    const { system } = w;
    const core = system.cores[0]!;
    await system.start(true);
    expect([system.running, core.pc]).toEqual([false, BigInt(CODE)]);
    expect(system.stats().instructions).toBe(0);
    // Steps: one instruction each, exactly.
    for (let n = 1; n <= 3; n++) {
      const stopped = nextStop(system);
      system.resume(['step']);
      expect((await stopped).reason.kind).toBe('step');
      expect(core.pc).toBe(BigInt(CODE + 4 * n));
      expect(system.stats().instructions).toBe(n);
    }
    system.resume();
    expect(system.running).toBe(true);
    await ranMore(system);
    await system.pause();
    expect(system.running).toBe(false);
    const [count, ran] = [core.x(1), system.stats().instructions];
    expect(count).toBeGreaterThan(100n);
    expect(Math.abs(ran - 3 * Number(count))).toBeLessThan(60);
    await seconds(0.05);
    expect([core.x(1), system.stats().instructions]).toEqual([count, ran]);
    // Steps around the loop.
    for (let n = 0; n < 7; n++) {
      const before = core.pc;
      const stopped = nextStop(system);
      system.resume(['step']);
      await stopped;
      expect(core.pc).toBe(before === BigInt(loop + 8) ? BigInt(loop) : before + 4n);
    }
    // A register changed while it stands still counts.
    core.setX(1, 1n << 60n);
    system.resume();
    await ranMore(system);
    await system.pause();
    expect(core.x(1)).toBeGreaterThan(1n << 60n);
    await system.reset();
    expect([core.pc, core.x(1), system.running]).toEqual([BigInt(CODE), 0n, false]);
    expect(system.readMemory(BigInt(DATA), 8)).toEqual(new Uint8Array(8));
    system.resume();
    await seconds(0.05);
    await system.reset();
    expect(system.running).toBe(true);
    await system.stop();
    expect(await w.exit).toMatchObject({ reason: 'stopped' });
  });

  it('stops at breakpoints, and goes past them', async () => {
    const { code, loop } = counting();
    const w = await watched({ ...config, ...program(code) });
    const { system } = w;
    const core = system.cores[0]!;
    await system.start();
    await ranMore(system);
    system.addBreakpoint(BigInt(loop + 4));
    await nextStop(system);
    for (let n = 0; n < 5; n++) {
      expect(core.pc).toBe(BigInt(loop + 4));
      const x = core.x(1);
      const stopped = nextStop(system);
      system.resume();
      expect((await stopped).reason.kind).toBe('breakpoint');
      expect(core.x(1)).toBe(x + 1n);
    }
    // A step from one breakpoint to another.
    system.addBreakpoint(BigInt(loop + 8));
    const stepped = nextStop(system);
    system.resume(['step']);
    await stepped;
    expect(core.pc).toBe(BigInt(loop + 8));
    system.removeBreakpoint(BigInt(loop + 4));
    system.removeBreakpoint(BigInt(loop + 8));
    const x = core.x(1);
    system.resume();
    await ranMore(system);
    await system.pause();
    expect(core.x(1)).toBeGreaterThan(x + 10n);
    await system.stop();
  });

  it('memory is read and written, by address and as a core sees it; code written so runs', async () => {
    const { code, loop } = counting();
    const w = await watched({ ...config, ...program(code) });
    const { system } = w;
    await system.start();
    await ranMore(system);
    await system.pause();
    const bytes = Uint8Array.of(1, 2, 3, 4, 5);
    expect(system.writeMemory(BigInt(DATA + 0xffe), bytes)).toBe(true);
    expect(system.readMemory(BigInt(DATA + 0xffe), 5, 0)).toEqual(bytes);
    expect(system.writeMemory(BigInt(DATA + 0x1ffe), bytes, 0)).toBe(true);
    expect(system.readMemory(BigInt(DATA + 0x1ffe), 5)).toEqual(bytes);
    expect(system.readMemory(0x3fff_fff0n, 8)).toHaveLength(0);
    expect(system.writeMemory(BigInt(0x40000000 + PLAIN.memoryBytes - 2), bytes)).toBe(false);
    // ADD X1, X1, #1 becomes ADD X3, X3, #1.
    expect(system.writeMemory(BigInt(loop), Uint8Array.of(0x63, 0x04, 0x00, 0x91))).toBe(true);
    const x = system.cores[0]!.x(1);
    system.resume();
    await ranMore(system);
    await system.pause();
    expect(Number(system.cores[0]!.x(1) - x)).toBeLessThanOrEqual(1);
    expect(system.cores[0]!.x(3)).toBeGreaterThan(10n);
    await system.stop();
  });

  it('a megabyte of output arrives whole and in order', async () => {
    const w = await watched({ ...config, ...guest('echo') });
    await w.system.start();
    const size = 1_000_000;
    w.system.consoleInput(0, new TextEncoder().encode(`flood ${size}\nexit 7\n`));
    expect(await w.exit).toMatchObject({ reason: 'exit', status: 7 });
    const alphabet = 'abcdefghijklmnopqrstuvwxyz';
    const right = `> ${alphabet.repeat(size / 26 + 1).slice(0, size)}\r\n> `;
    if (w.output() !== right)
      expect([w.output().length, w.output().slice(-100)]).toEqual([right.length, right.slice(-100)]);
    expect(w.output() === right).toBe(true);
  });

  it('exit statuses', async () => {
    for (const status of [0, 255]) {
      const code = start(new Code()).movImm(2, status) as Code;
      const { how } = await runSystem({ ...config, ...program(exit(code, true)) });
      expect(how).toMatchObject({ reason: 'exit', status });
    }
  });
});

it('a guest that runs wild is told about', async () => {
  // VBAR_EL1 = 0: no memory is there.
  const code = new Code().movImm(0, 0x1000_0000).msr(0, 3, 0, 12, 0, 0).barrier('isb').svc();
  const { how } = await runSystem(program(code as Code));
  expect(how).toMatchObject({ reason: 'wild', status: 1, core: 0 });
  expect(how.message).toMatch(/^core 0 takes exceptions without end/);
});

describe('deterministic runs', () => {
  // X1: RNDR mixed, CNTVCT mixed, for a while.
  const code = start(new Code()).movImm(3, 20_000).label('loop').mrs(1, 3, 3, 2, 4, 0).eor(2, 2, 1) as Code;
  code.mrs(1, 3, 3, 14, 0, 2).alu('madd', 2, 2, 1).add(4, 4, 2).addImm(3, 3, -1).cbnz(3, 'loop');
  const config = { deterministic: true, ...program(exit(code)) };

  it('are the same with the same seed, and differ with another', async () => {
    const states = [];
    for (const seed of [5, 5, 6]) states.push(endState((await runSystem({ ...config, seed })).system));
    expect(states[1]).toEqual(states[0]);
    expect(states[2]!.cores).not.toEqual(states[0]!.cores);
  });

  it('end at the limit of guest time, exactly', async () => {
    const { code } = counting();
    for (const timeLimit of [0.001, 0.0123456]) {
      const { how, system } = await runSystem({ deterministic: true, ...program(code), timeLimit });
      expect(how.reason).toBe('limit');
      expect(system.stats().instructions).toBe(Math.round(timeLimit * 1e9));
      expect(system.stats().guestSeconds).toBeCloseTo(timeLimit, 9);
    }
  });
});

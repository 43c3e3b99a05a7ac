import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { programs } from '../../bench/programs.ts';
import type { BareSystemOptions } from '../../core/machines/bare.ts';
import type { EngineMode, SystemConfig } from '../../core/system/api.ts';
import type { TraceChoice } from '../../core/system/trace.ts';
import { elfOf, endState, type Ran, runSystem } from '../support/system-run.ts';
import { Code } from './asm.ts';
import { DATA, exit, IRQ, program, SYNC, start, whoAmI } from './program.ts';

const MODES: readonly EngineMode[] = ['interpreter', 'compiled', 'normal'];
const LOG = DATA;

/** Runs it in every mode; all end alike, and those that should have compiled did. */
async function alike(config: Partial<BareSystemOptions>, choices?: readonly TraceChoice[]): Promise<Ran> {
  let first: { ran: Ran; state: Record<string, unknown> } | null = null;
  for (const engine of MODES) {
    const trace = choices ? { trace: { choices } } : {};
    const ran = await runSystem({ ...config, engine, deterministic: true, ...trace });
    const state = { how: ran.how, output: ran.output(), ...endState(ran.system) };
    first ??= { ran, state };
    expect({ engine, ...state }).toEqual({ engine, ...first.state });
    const [mine, right] = [ran.trace().split('\n'), first.ran.trace().split('\n')];
    const differs = mine.findIndex((line, i) => line !== right[i]);
    if (differs >= 0) expect(mine.slice(differs - 2, differs + 3)).toEqual(right.slice(differs - 2, differs + 3));
    expect(mine.length).toBe(right.length);
    const { regions = 0 } = ran.system.stats().engine;
    if (engine === 'interpreter') expect(regions).toBe(0);
    else expect(regions).toBeGreaterThan(0);
  }
  return first!.ran;
}

/**
 * A program with a timer: IRQs arrive every `period` ticks (CNTV), each logs ELR, flags and registers of the work. Registers: X19
 * log, X20 interrupts left, X21 period; the handler uses X22 and X23.
 */
function withTimer(period: number, count: number, work: (a: Code) => void): Pick<SystemConfig, 'images' | 'entry'> {
  const a = new Code();
  start(a);
  a.movImm(19, LOG).movImm(20, count).movImm(21, period);
  // CNTV_TVAL_EL0, CNTV_CTL_EL0; MSR DAIFClr, #2.
  a.msr(21, 3, 3, 14, 3, 0).movImm(22, 1).msr(22, 3, 3, 14, 3, 1).word(0xd50342ff);
  a.label('work');
  work(a);
  a.cbnz(20, 'work');
  exit(a);
  const handler = new Code();
  handler
    .mrs(22, 3, 0, 4, 0, 1)
    .mrs(23, 3, 0, 4, 0, 0)
    .stpPost(22, 23, 19, 16)
    .stpPost(1, 2, 19, 16)
    .stpPost(3, 4, 19, 16);
  // CNTVCT_EL0 belongs to the log: time is exact too.
  handler.mrs(22, 3, 3, 14, 0, 2).stpPost(22, 5, 19, 16);
  handler
    .addImm(20, 20, -1)
    .add(21, 21, 20)
    .msr(21, 3, 3, 14, 3, 0)
    .cbnz(20, 'on')
    .msr(31, 3, 3, 14, 3, 1)
    .label('on')
    .eret();
  const svc = new Code();
  svc.addImm(6, 6, 1).eret();
  return program(a, { [SYNC]: svc, [IRQ]: handler });
}

const work = (a: Code): void => {
  a.movImm(1, 400).label('outer').movImm(2, 37).label('inner').alu('madd', 3, 3, 1).aluShifted('adds', 4, 4, 3, 2, 7);
  a.bCond(4, 'plus')
    .alu('sbcs', 5, 5, 4)
    .label('plus')
    .addImm(2, 2, -1)
    .cbnz(2, 'inner')
    .bl('f')
    .addImm(1, 1, -1)
    .cbnz(1, 'outer');
  a.b('over')
    .label('f')
    .eor(7, 7, 3)
    .tbz(7, 3, 'short')
    .eor(8, 8, 7)
    .addImm(9, 9, 1)
    .label('short')
    .ret()
    .label('over')
    .svc();
};

describe('deterministic runs are the same interpreted and compiled', () => {
  it('timer interrupts arrive at the same instruction', async () => {
    const ran = await alike(withTimer(700, 150, work));
    expect(ran.how.reason).toBe('exit');
    // Interrupts came at many different places.
    const log = new DataView(ran.system.readMemory(BigInt(LOG), 64 * 150).buffer);
    const places = new Set(Array.from({ length: 150 }, (_, i) => log.getBigUint64(64 * i, true)));
    expect(places.size).toBeGreaterThan(6);
  });

  it('with a trace of everything but blocks, line by line', async () => {
    const ran = await alike(withTimer(20_000, 40, work), ['exceptions', 'sysreg', 'mmio', 'tlbi', 'smc']);
    expect(ran.trace().match(/exception IRQ/g)!.length).toBe(40);
    expect(ran.trace()).toContain('exception sync');
    expect(ran.trace()).toContain('CNTV_TVAL_EL0');
  });

  it('tracing does not change when things happen', async () => {
    const plain = await runSystem({ ...withTimer(500, 40, work), deterministic: true });
    const traced = await runSystem({
      ...withTimer(500, 40, work),
      deterministic: true,
      trace: { choices: ['exceptions', 'sysreg'] },
    });
    expect(endState(traced.system)).toEqual(endState(plain.system));
  });

  it('two cores take turns at exact counts', async () => {
    const a = new Code();
    start(a);
    // Each adds to one counter, plainly, and notes which values it saw; the sum of what was lost depends on the turns alone.
    whoAmI(a, 10).movImm(11, LOG).movImm(1, 1_500_000).cbnz(10, 'second');
    for (const core of [0, 1]) {
      if (core) a.label('second').movImm(1, 2_000_000);
      a.label(`loop${core}`)
        .ldr(2, 11)
        .addImm(2, 2, 1)
        .str(2, 11)
        .alu('madd', 3, 3, 2)
        .addImm(1, 1, -1)
        .cbnz(1, `loop${core}`);
      a.movImm(12, LOG + 64)
        .movImm(13, 1)
        .atomic('add', 13, 14, 12, 8, 'al');
      if (core) a.label('rest').b('rest');
      else {
        a.label('wait').ldar(14, 12).addImm(14, 14, -2).cbnz(14, 'wait');
        exit(a);
      }
    }
    const ran = await alike({ cores: 2, psci: 'none', ...program(a) });
    expect(ran.how.reason).toBe('exit');
  });
});

describe('programs of the benchmark, stopped at an exact moment', () => {
  /** Seconds: compiling everything, every time it is rewritten, takes long. */
  const SHORTER: Readonly<Record<string, number>> = { 'smc-code': 0.001 };
  const names = ['bytecode', 'indirect', 'fft-f32-neon', 'exception', 'aspace', 'smc-code', 'worlds', 'lock-exclusive'];
  for (const bench of programs.filter((p) => names.includes(p.name))) {
    it(bench.name, async () => {
      const memoryBytes = 64 << 20;
      const path = join(import.meta.dirname, `../../bench/programs/elf/${bench.name}.elf`);
      const config = { cores: bench.cpus, startEl: bench.el, memoryBytes, timeLimit: SHORTER[bench.name] ?? 0.0123 };
      const ran = await alike({ ...config, ...elfOf(path, memoryBytes) });
      expect(ran.how).toEqual({ reason: 'limit', status: 1 });
      expect(ran.system.stats().instructions).toBeGreaterThan(1e8 * config.timeLimit);
    });
  }
});

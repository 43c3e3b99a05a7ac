/** A core's thread that is not loaded yet keeps nobody waiting: its core reads what it was told before it runs. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { bareSystem } from '../../core/machines/bare.ts';
import type { SystemExit } from '../../core/system/api.ts';
import { Crew } from '../../core/system/crew.ts';
import { createSystem } from '../../core/system/system.ts';
import { Code } from '../engine/asm.ts';
import { DATA, exit, program, start, whoAmI } from '../engine/program.ts';
import { PLAIN } from '../support/system-run.ts';

/** Its first thread is as others are; those after it never load. */
class LateCrew extends Crew {
  private taken = 0;

  override take(): Worker {
    return this.taken++ === 0 ? super.take() : new Worker('setInterval(() => {}, 1000)', { eval: true });
  }
}
async function late(
  code: Code,
): Promise<{ system: Awaited<ReturnType<typeof createSystem>>; end: Promise<SystemExit> }> {
  const config = bareSystem({ ...PLAIN, cores: 3, psci: 'none', ...program(code) });
  const system = await createSystem(config, new LateCrew(1));
  const end = new Promise<SystemExit>((resolve) => system.on('exit', resolve));
  return { system, end };
}

describe('with threads that never come', () => {
  it('the first core invalidates what others might have, and ends the run', async () => {
    const code = start(new Code()).movImm(5, 2000) as Code;
    code.label('again').movImm(6, DATA);
    code.str(5, 6).tlbiVmalle1is().icIalluis().barrier('dsb sy').barrier('isb').subsImm(5, 5, 1).bCond(1, 'again');
    const { system, end } = await late(exit(code));
    await system.start();
    expect(await end).toMatchObject({ reason: 'exit', status: 0 });
  });
  it('a system that runs can be stopped', async () => {
    const { system, end } = await late(start(new Code()).label('loop').b('loop') as Code);
    await system.start();
    await system.stop();
    expect((await end).reason).toBe('stopped');
  });
});

it('cores whose threads come later take part: all see what the first has told them', async () => {
  // Core 0 counts at once; the others add themselves, and core 0 ends the run when both have.
  const code = start(new Code());
  whoAmI(code, 7);
  code.movImm(6, DATA).cbz(7, 'first');
  code.movImm(5, 1).atomic('add', 5, 8, 6).label('stay').b('stay');
  code.label('first').ldr(5, 6).cmpImm(5, 2).bCond(1, 'first');
  const config = bareSystem({ ...PLAIN, cores: 3, psci: 'none', ...program(exit(code)) });
  const system = await createSystem(config);
  const end = new Promise<SystemExit>((resolve) => system.on('exit', resolve));
  await system.start();
  await system.pause();
  expect(system.running).toBe(false);
  system.resume();
  expect(await end).toMatchObject({ status: 0 });
});

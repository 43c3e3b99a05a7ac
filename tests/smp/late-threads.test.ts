/** A core's thread that is not loaded yet keeps nobody waiting: its core reads what it was told before it runs. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Crew } from '../../core/system/crew.ts';
import { Code } from '../engine/asm.ts';
import { DATA, exit, program, start, whoAmI } from '../engine/program.ts';
import { type Watched, watched } from '../support/system-run.ts';

/** Its first thread is as others are; those after it never load. */
class LateCrew extends Crew {
  private taken = 0;

  override take(): Worker {
    return this.taken++ === 0 ? super.take() : new Worker('setInterval(() => {}, 1000)', { eval: true });
  }
}
const late = (code: Code): Promise<Watched> => watched({ cores: 3, psci: 'none', ...program(code) }, new LateCrew(1));

describe('with threads that never come', () => {
  it('the first core invalidates what others might have, and ends the run', async () => {
    const code = start(new Code()).movImm(5, 2000) as Code;
    code.label('again').movImm(6, DATA);
    code.str(5, 6).tlbiVmalle1is().icIalluis().barrier('dsb sy').barrier('isb').subsImm(5, 5, 1).bCond(1, 'again');
    const { system, exit: end } = await late(exit(code));
    await system.start();
    expect(await end).toMatchObject({ reason: 'exit', status: 0 });
  });
  it('a system that runs can be stopped', async () => {
    const { system, exit: end } = await late(start(new Code()).label('loop').b('loop') as Code);
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
  const { system, exit: end } = await watched({ cores: 3, psci: 'none', ...program(exit(code)) });
  await system.start();
  await system.pause();
  expect(system.running).toBe(false);
  system.resume();
  expect(await end).toMatchObject({ status: 0 });
});

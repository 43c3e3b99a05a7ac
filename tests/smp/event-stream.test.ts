import { expect, it } from 'vitest';
import type { EngineMode } from '../../core/system/api.ts';
import { Code } from '../engine/asm.ts';
import { DATA, exit, program, start } from '../engine/program.ts';
import { runSystem } from '../support/system-run.ts';

const WFE = 0xd503205f;
const SEVL = 0xd50320bf;
/** MSR CNTKCTL_EL1, X1. */
const MSR_CNTKCTL_X1 = 0xd518e101;

// EVNTEN, EVNTI = 12: an event each 8192 ticks. Nothing else would ever end the second WFE of a round.
it.each<[EngineMode, boolean]>([
  ['normal', false],
  ['interpreter', false],
  ['normal', true],
])('an event stream ends WFE, %s, deterministic %s', async (engine, deterministic) => {
  const a = start(new Code());
  a.movImm(1, (12 << 4) | 4)
    .word(MSR_CNTKCTL_X1)
    .movImm(2, 20)
    .label('round')
    .word(SEVL)
    .word(WFE)
    .word(WFE);
  a.addImm(2, 2, -1).cbnz(2, 'round').movImm(3, DATA).movImm(4, 77).str(4, 3);
  exit(a);
  const ran = await runSystem({ cores: 1, psci: 'none', engine, deterministic, ...program(a, {}) });
  expect(ran.how).toMatchObject({ reason: 'exit', status: 0 });
});

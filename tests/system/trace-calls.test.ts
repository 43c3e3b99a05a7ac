/** Traces of calls: a return from EL3 is shown as one of an SMC only when it is one. */
import { expect, test } from 'vitest';
import { Code } from '../engine/asm.ts';
import { RAM, runSystem } from '../support/system-run.ts';

const SMC = 0xd4000003;
const VECTORS = RAM + 0x800;
const LOWER = RAM + 0x4000;
const EXIT_BLOCK = RAM + 0x6000;
const SCR_EL3 = [3, 6, 1, 1, 0] as const;
const SPSR_EL3 = [3, 6, 4, 0, 0] as const;
const ELR_EL3 = [3, 6, 4, 0, 1] as const;
const VBAR_EL3 = [3, 6, 12, 0, 0] as const;

test.each(['normal', 'interpreter'] as const)('returns of SMC, %s', async (engine) => {
  const image = new Uint8Array(0x7000);
  const put = (address: number, code: Code): void =>
    image.set(new Uint8Array(Uint32Array.from(code.finish()).buffer), address - RAM);
  // EL3 begins by a return that answers nobody.
  const main = new Code();
  main
    .movImm(0, 0x531)
    .msr(0, ...SCR_EL3)
    .movImm(0, VECTORS)
    .msr(0, ...VBAR_EL3);
  main
    .movImm(0, 0x3c5)
    .msr(0, ...SPSR_EL3)
    .movImm(0, LOWER)
    .msr(0, ...ELR_EL3)
    .movImm(0, 9)
    .eret();
  put(RAM, main);
  // X0 = 1: answered. 2: goes on elsewhere, as when another world is entered. 3: goes back to behind 2, so it answers neither.
  const handler = new Code();
  handler.cmpImm(0, 1).bIf('eq', 'answer').cmpImm(0, 3).bIf('eq', 'late');
  handler
    .mrs(5, ...ELR_EL3)
    .addImm(4, 5, 16)
    .msr(4, ...ELR_EL3)
    .movImm(0, 20)
    .eret();
  handler
    .label('late')
    .msr(5, ...ELR_EL3)
    .movImm(0, 30)
    .eret();
  handler.label('answer').movImm(0, 10).eret();
  put(VECTORS + 0x400, handler);
  const lower = new Code();
  lower.movImm(0, 1).word(SMC).movImm(0, 2).word(SMC);
  // Behind the second call: reached by what the third makes.
  lower.movImm(1, EXIT_BLOCK).movImm(0, 0x18).semihost().word(0xd503201f);
  // Where the second call went.
  lower.label('elsewhere').movImm(0, 3).word(SMC).label('never').b('never');
  put(LOWER, lower);
  new DataView(image.buffer).setBigUint64(EXIT_BLOCK - RAM, 0x20026n, true);
  const ran = await runSystem({
    images: [{ address: RAM, bytes: image }],
    entry: BigInt(RAM),
    startEl: 3,
    engine,
    psci: 'none',
    trace: { choices: ['smc'] },
  });
  expect(ran.how).toMatchObject({ reason: 'exit', status: 0 });
  const calls = ran
    .trace()
    .trimEnd()
    .split('\n')
    .map((line) => /smc \w+ x0=\w+/.exec(line)?.[0]);
  expect(calls).toEqual(['smc call x0=0x1', 'smc return x0=0xa', 'smc call x0=0x2', 'smc call x0=0x3']);
});

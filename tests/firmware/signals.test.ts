/**
 * FIQs and SErrors in a realm. No device of the machine makes any (interrupts are all of group 1), so the core is given one by hand: it is
 * stopped at R-EL1, and what the architecture does on such an exception to EL2 is done to its registers (DDI 0487, D1.3.5).
 */
import { expect, test } from 'vitest';
import type { Core } from '../../core/system/api.ts';
import { testHost } from './firmware.ts';

/** From a lower level in AArch64: offsets of the vectors. */
const VECTORS = { FIQ: 0x500n, SError: 0x580n } as const;
/** SError's class, IL, and bits of which the host may see AET, EA and DFSC only. */
const SYNDROME = (0x2fn << 26n) | (1n << 25n) | 0x00ffffd1n;
const EL1H = 5n;
const EL2H_MASKED = 0x3c9n;

function take(core: Core, signal: keyof typeof VECTORS): void {
  core.setSysreg('ELR_EL2', core.pc);
  core.setSysreg('SPSR_EL2', core.pstate);
  if (signal === 'SError') core.setSysreg('ESR_EL2', SYNDROME);
  core.pstate = EL2H_MASKED;
  core.pc = core.sysreg('VBAR_EL2')! + VECTORS[signal];
}

test.each([null, 'exact'] as const)('exits by FIQ and SError, MEC %s', async (mec) => {
  const system = await testHost('signals', { cores: 1, mec });
  try {
    let console = '';
    system.on('console', (_id, bytes) => {
      console += Buffer.from(bytes).toString('latin1');
    });
    let ended = false;
    const exit = new Promise<string>((resolve) =>
      system.on('exit', ({ reason }) => {
        ended = true;
        resolve(reason);
      }),
    );
    await system.start();
    const core = system.cores[0]!;
    for (let given = 0; !ended; ) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const wanted = [...console.matchAll(/^NEXT: (FIQ|SError)\r?\n/gm)][given]?.[1];
      if (wanted === undefined) continue;
      await system.pause();
      if (core.world === 'realm' && (core.pstate & 0xfn) === EL1H) {
        take(core, wanted as keyof typeof VECTORS);
        given++;
      }
      system.resume();
    }
    expect(await exit).toBe('poweroff');
    expect(console.replaceAll('\r', '')).toMatch(/^7 passed, 0 failed$/m);
    expect(console).not.toMatch(/FAIL|PANIC|Unexpected exception/);
  } finally {
    await system.stop();
  }
});

/** Firmware that does not fit the machine or its RMM: what the command says on standard error, while it boots or before it gives up. */
import { describe, expect, it } from 'vitest';
import { FIRMWARE, INITRD, KERNEL, MISFITS, missing, PROMPT } from './artifacts.ts';
import { boot, type Step } from './run.ts';

const LIMIT = 600;
/** Linux boots all the same. */
const SHELL: readonly Step[] = [[PROMPT, 'poweroff -f\\n']];
const OFF: readonly Step[] = [];

const CASES = [
  {
    title: 'TF-A without RME on a machine with RME',
    firmware: { ...FIRMWARE.rmm08, file: FIRMWARE.plain.file },
    ...{ mec: false, steps: OFF, status: 1 },
    says: /^trireme: RME is on, and EL3 got no further: .*TF-A wants ENABLE_RME=1/m,
  },
  {
    title: 'TF-A without support of MEC on a machine with MEC',
    firmware: { ...FIRMWARE.rmm08, file: MISFITS.withoutMec },
    ...{ mec: true, steps: SHELL, status: 0 },
    says: /^trireme: MEC is on, but .*\(SCR_EL3\.MECEn is 0\).*TF-A wants ENABLE_FEAT_MEC=2/m,
  },
  {
    title: 'an RMM whose interface is not that of TF-A',
    firmware: { ...FIRMWARE.rmm08, file: MISFITS.pair },
    ...{ mec: false, steps: SHELL, status: 0 },
    says: /^trireme: RMM did not start .*version 2\.0 of the RMM-EL3 interface is offered \(TF-RMM v0\.9 wants this/m,
  },
] as const;

describe('what does not fit', () => {
  for (const { title, firmware, mec, steps, status, says } of CASES) {
    const reason = missing([firmware.file, KERNEL, INITRD]);
    it(
      title,
      async (context) => {
        if (reason !== null) return context.skip(reason);
        const outcome = await boot({ firmware, cpus: 1, mec }, LIMIT, steps);
        expect(outcome.status).toBe(status);
        expect(outcome.said).toMatch(says);
        expect(outcome.said.match(new RegExp(says, 'gm'))).toHaveLength(1);
      },
      (LIMIT + 60) * 1000,
    );
  }
});

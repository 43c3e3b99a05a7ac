/** A Linux realm, started by the host from its shell, with a shell of its own. */
import { describe, expect, it } from 'vitest';
import { FIRMWARE, type Firmware, INITRD, KERNEL, missing } from './artifacts.ts';
import { boot, type Step } from './run.ts';

const LIMIT = 1500;

/** `realm N` of the RAM disk: `lkvm run --realm` with N virtual cores. */
const steps = (cores: number): readonly Step[] => [
  ['# $', `realm ${cores}\\n`],
  ['Run /init as init process[\\s\\S]*# $', 'echo $(grep -c ^processor /proc/cpuinfo) cores in the realm\\n'],
  ['^\\d+ cores in the realm', 'poweroff -f\\n'],
  ['KVM session ended normally[\\s\\S]*# $', 'echo $((6 * 7)) says the host\\n'],
  ['^42 says the host', 'poweroff -f\\n'],
];

interface Case {
  readonly firmware: Firmware;
  readonly mec: boolean;
  readonly cpus: number;
  readonly realmCores: number;
}

const CASES: readonly Case[] = [
  { firmware: FIRMWARE.rmm08, mec: false, cpus: 1, realmCores: 1 },
  { firmware: FIRMWARE.rmm08, mec: false, cpus: 2, realmCores: 2 },
  { firmware: FIRMWARE.rmm08rmi11, mec: true, cpus: 1, realmCores: 1 },
  { firmware: FIRMWARE.rmm08rmi11, mec: true, cpus: 4, realmCores: 2 },
];

describe('lkvm run --realm', () => {
  for (const { firmware, mec, cpus, realmCores } of CASES) {
    const title = `${firmware.file}, MEC ${mec ? 'on' : 'off'}, ${cpus} cores, ${realmCores} in the realm`;
    const reason = missing([firmware.file, KERNEL, INITRD]);
    it(
      title,
      async (context) => {
        if (reason !== null) return context.skip(reason);
        const { status, said, console } = await boot({ firmware, mec, cpus }, LIMIT, steps(realmCores));
        expect({ status, said }).toMatchObject({ status: 0 });
        expect(console.host).toContain('RME: Using RSI version 1.0');
        expect(console.host).toMatch(new RegExp(`^${realmCores} cores in the realm`, 'm'));
        expect(console.host).not.toMatch(/Oops|Call trace/);
        expect(console.rmm).toMatch(/^SMC_RMI_REALM_ACTIVATE .*> RMI_SUCCESS/m);
        expect(console.rmm).toMatch(/^SMC_RSI_VERSION .*> RSI_SUCCESS/m);
        expect(console.rmm).toMatch(/^SMC_RMI_REALM_DESTROY .*> RMI_SUCCESS/m);
        expect(console.rmm).not.toMatch(/panic|Unexpected exception/i);
      },
      (LIMIT + 60) * 1000,
    );
  }
});

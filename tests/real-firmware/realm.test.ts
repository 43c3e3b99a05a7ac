/** A Linux realm, started by the host from its shell, with a shell of its own. */
import { describe, expect, it } from 'vitest';
import { FIRMWARE, type Firmware, INITRD, KERNEL, missing, PROMPT } from './artifacts.ts';
import { boot, type Step } from './run.ts';

const LIMIT = 1500;

/** `realm N` of the RAM disk, one after the other: `lkvm run --realm` with N virtual cores. */
const steps = ({ realmCores, realms }: Case): readonly Step[] => [
  [PROMPT, ''],
  ...Array.from({ length: realms }, (): readonly Step[] => [
    ['', `realm ${realmCores}\\n`],
    [`Run /init as init process[\\s\\S]*${PROMPT}`, 'echo $(grep -c ^processor /proc/cpuinfo) cores in the realm\\n'],
    ['^\\d+ cores in the realm', 'poweroff -f\\n'],
    [`KVM session ended normally[\\s\\S]*${PROMPT}`, 'echo $((6 * 7)) says the host\\n'],
    [`^42 says the host[\\s\\S]*${PROMPT}`, ''],
  ]).flat(),
  ['', 'poweroff -f\\n'],
];

interface Case {
  readonly firmware: Firmware;
  readonly mec: boolean;
  readonly cpus: number;
  readonly realmCores: number;
  readonly realms: number;
}

const CASES: readonly Case[] = [
  { firmware: FIRMWARE.rmm08, mec: false, cpus: 1, realmCores: 1, realms: 1 },
  { firmware: FIRMWARE.rmm08, mec: false, cpus: 2, realmCores: 2, realms: 1 },
  { firmware: FIRMWARE.rmm08, mec: false, cpus: 4, realmCores: 4, realms: 1 },
  { firmware: FIRMWARE.rmm08rmi11, mec: true, cpus: 1, realmCores: 1, realms: 2 },
  { firmware: FIRMWARE.rmm08rmi11, mec: true, cpus: 4, realmCores: 2, realms: 1 },
];

describe('lkvm run --realm', () => {
  for (const options of CASES) {
    const { firmware, mec, cpus, realmCores, realms } = options;
    const many = realms === 1 ? 'one realm' : `${realms} realms one after the other`;
    const title = `${firmware.file}, MEC ${mec ? 'on' : 'off'}, cores: ${cpus}; ${many}, cores: ${realmCores}`;
    const reason = missing([firmware.file, KERNEL, INITRD]);
    it(
      title,
      async (context) => {
        if (reason !== null) return context.skip(reason);
        const { status, said, console } = await boot({ firmware, mec, cpus }, LIMIT, steps(options));
        expect({ status, said }).toMatchObject({ status: 0 });
        expect(console.host).toContain('RME: Using RSI version 1.0');
        expect(console.host.match(new RegExp(`^${realmCores} cores in the realm`, 'gm'))).toHaveLength(realms);
        expect(console.host).not.toMatch(/Oops|Unable to handle/);
        expect(console.rmm).toMatch(/^SMC_RMI_REALM_ACTIVATE .*> RMI_SUCCESS/m);
        expect(console.rmm).toMatch(/^SMC_RSI_VERSION .*> RSI_SUCCESS/m);
        expect(console.rmm.match(/^SMC_RMI_REALM_DESTROY .*> RMI_SUCCESS/gm)).toHaveLength(realms);
        expect(console.rmm).not.toMatch(/panic|Unexpected exception/i);
      },
      (LIMIT + 60) * 1000,
    );
  }
});

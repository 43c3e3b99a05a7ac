/** TF-A, with RMM or without, through EL3 and Realm EL2 to Non-secure EL2, Linux and its shell. */
import { describe, expect, it } from 'vitest';
import { FIRMWARE, type Firmware, INITRD, KERNEL, missing, PROMPT } from './artifacts.ts';
import { type Boot, boot, type Outcome, type Step } from './run.ts';

const LIMIT = 600;
/** The shell shows what it computed, which what was typed does not contain. */
const SHELL: readonly Step[] = [
  [PROMPT, 'echo cores $(grep -c ^processor /proc/cpuinfo) of the machine\\n'],
  ['^cores \\d+ of the machine', 'poweroff -f\\n'],
];

type Case = Pick<Boot, 'cpus' | 'mec' | 'words'> & { readonly firmware: Firmware };

function testBoot(title: string, options: Case, judge: (outcome: Outcome) => void): void {
  const reason = missing([options.firmware.file, KERNEL, INITRD]);
  it(
    title,
    async (context) => {
      if (reason !== null) return context.skip(reason);
      const outcome = await boot(options, LIMIT, SHELL);
      expect(outcome).toMatchObject({ status: 0 });
      expect(outcome.console.host).toMatch(new RegExp(`^cores ${options.cpus} of the machine`, 'm'));
      expect(outcome.console.host).toContain('CPU: All CPU(s) started at EL2');
      judge(outcome);
    },
    (LIMIT + 60) * 1000,
  );
}

describe('TF-A v2.14 without RME', () => {
  for (const cpus of [1, 2, 4]) {
    testBoot(`cores: ${cpus}`, { firmware: FIRMWARE.plain, cpus, mec: false }, () => {});
  }
});

const CASES: readonly Case[] = [FIRMWARE.rmm08, FIRMWARE.rmm09, FIRMWARE.rmm08rmi11].flatMap((firmware) =>
  [1, 2, 4].flatMap((cpus) => [
    { firmware, cpus, mec: false },
    // How MEC is asked for takes turns.
    { firmware, cpus, mec: true, words: cpus === 2 ? ('option' as const) : ('machine' as const) },
  ]),
);

describe('TF-A and RMM', () => {
  for (const options of CASES) {
    const { firmware, cpus, mec, words } = options;
    const how = mec ? `MEC on (${words === 'option' ? '--enable-mec' : 'mec=on'})` : 'MEC off';
    testBoot(`${firmware.file}, ${how}, cores: ${cpus}`, options, ({ console: { monitor, rmm } }) => {
      const { version, rmi, usesMec } = firmware.rmm!;
      expect(monitor).toMatch(firmware.tfa);
      expect(rmm).toMatch(version);
      expect(rmm).toContain(`RMI ABI revision ${rmi}`);
      expect(rmm).not.toMatch(/panic|Unexpected exception/i);
      // A build with scrub method 2 looks for FEAT_MEC. One for RMI 1.0 knows nothing of MEC and never finds it.
      expect(rmm).toContain('RMM_MEM_SCRUB_METHOD 2 is selected.');
      const absent = 'RMM_MEM_SCRUB_METHOD=2 is set but FEAT_MEC is not present.';
      if (mec && usesMec) expect(rmm).not.toContain(absent);
      else expect(rmm).toContain(absent);
      // RMM answers the kernel; a kernel that speaks another RMI says so and goes on.
      expect(rmm).toMatch(/^SMC_RMI_VERSION /m);
    });
  }
});

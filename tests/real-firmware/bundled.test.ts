/** A Linux host that can have realms (the user's build) on the bundled monitor and RMM: the preset linux-host. */
import { describe, expect, it } from 'vitest';
import { startTrireme } from '../support/trireme.ts';
import { hostKernel, INITRD, KERNEL, missing, pathOf } from './artifacts.ts';

const LIMIT = 1500;
const STEPS: readonly (readonly [option: '--expect' | '--send', text: string])[] = [
  ['--expect', 'host:# '],
  ['--send', 'host:realm 1\\n'],
  ['--expect', 'host:Run /init as init process[\\s\\S]*# '],
  ['--send', 'host:echo $((6 * 7)) says the realm\\n'],
  ['--expect', 'host:^42 says the realm'],
  ['--send', 'host:poweroff -f\\n'],
  ['--expect', 'host:KVM session ended normally[\\s\\S]*# '],
  ['--expect', 'rmm:^SMC_RMI_REALM_DESTROY .*> RMI_SUCCESS'],
  ['--send', 'host:poweroff -f\\n'],
];

describe('a Linux realm on the bundled RMM', () => {
  const reason = missing([KERNEL, INITRD]);
  it.skipIf(reason !== null).each([[[]], [['--enable-mec']]])(
    `%j${reason === null ? '' : `: ${reason}`}`,
    async (mec) => {
      const images = ['-k', hostKernel(mec.length > 0), '-i', pathOf(INITRD)];
      const options = [...images, '-c', '1', '-m', '2G', '--timeout', `${LIMIT}`];
      const { status, stdout, stderr } = await startTrireme(['boot', 'linux-host', ...mec, ...options, ...STEPS.flat()])
        .ended;
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain('RME: Using RSI version 1.0');
      expect(stdout).not.toMatch(/PANIC|Unexpected exception|Oops/);
    },
    (LIMIT + 60) * 1000,
  );
});

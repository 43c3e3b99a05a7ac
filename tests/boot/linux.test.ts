/** Debian's kernels boot by the command, as users would boot them; `--mode full` takes every combination. */
import { describe, test } from 'vitest';
import { type KernelName, titled, unavailable } from './debian/packages.ts';
import { bootAndCheck } from './linux.ts';
import { type Boot, STARTS, VCPUS } from './machine.ts';
import { staged } from './scene.ts';

const KERNELS: readonly KernelName[] = ['6.1', '6.12', 'cloud'];

const all: Boot[] = KERNELS.flatMap((kernel) =>
  VCPUS.flatMap((vcpus) => STARTS.map((start) => ({ kernel, vcpus, start }))),
);
/** A Latin square: of any two of kernel, number of cores and start, all combinations occur once. */
const inPairs = ({ kernel, vcpus, start }: Boot): boolean =>
  (KERNELS.indexOf(kernel) + (VCPUS as readonly number[]).indexOf(vcpus) + STARTS.indexOf(start)) % 3 === 0;
const boots = process.env.TRIREME_FULL === '1' ? all : all.filter(inPairs);

for (const kernel of KERNELS) {
  const missing = await unavailable('busybox', kernel);
  describe.skipIf(missing !== null)(titled(`Debian's kernel ${kernel}`, missing), () => {
    for (const boot of boots.filter((it) => it.kernel === kernel)) {
      test(
        `${boot.vcpus} vCPUs, ${boot.start}`,
        staged((scene) => bootAndCheck(boot, scene)),
        900_000,
      );
    }
  });
}

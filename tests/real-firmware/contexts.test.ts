/**
 * What the cover letter of QEMU's RFC does: several realms at once with contexts of their own. The host's kernel has to give RMM a
 * MECID for each realm (docs/firmware.md).
 */
import { describe, expect, it } from 'vitest';
import { parseQemu } from '../../core/cli/qemu/parse.ts';
import { configureLaunch } from '../../core/machines/configure.ts';
import { Observer } from '../../core/observe/observer.ts';
import type { System } from '../../core/system/api.ts';
import { createSystem } from '../../core/system/system.ts';
import { FIRMWARE, INITRD, KERNEL_FOR_PRIVATE_MEC, missing, PROMPT, pathOf } from './artifacts.ts';
import { bootWords } from './run.ts';

const LIMIT = 3000;

/** The host's shell: each line is typed at its prompt. */
class Host {
  private readonly system: System;
  private shown = '';
  private from = 0;
  private look = (): void => {};
  constructor(system: System) {
    this.system = system;
    system.on('console', (_id, bytes) => {
      this.shown += Buffer.from(bytes).toString('latin1');
      this.look();
    });
  }
  /** Resolves with what came since the last time, up to the pattern. */
  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.look = () => {
        const match = pattern.exec(this.shown.slice(this.from));
        if (!match) return;
        this.look = () => {};
        const end = this.from + match.index + match[0].length;
        const text = this.shown.slice(this.from, end);
        this.from = end;
        resolve(text.replaceAll('\r', ''));
      };
      this.look();
    });
  }
  /** `done` is a word that the line writes last; written in two parts, so that its echo is not taken for it. */
  async run(line: string, done: string): Promise<string> {
    this.system.consoleInput(0, new TextEncoder().encode(`${line}; echo ${done.slice(0, 1)}"${done.slice(1)}"\n`));
    const shown = await this.until(new RegExp(`^${done}\\r?$`, 'm'));
    await this.until(new RegExp(PROMPT));
    return shown;
  }
}

const REALMS = ['a', 'b', 'c'];
const names = REALMS.join(' ');
const DISKS = `cd /tmp; mkfifo ${names}; for n in ${names}; do cat /bin/busybox > disk.$n; done`;
/** `start NAME`: a realm that stays, and shows what it has to say in NAME.log. */
const START =
  'start() { lkvm run --realm --irqchip=gicv3 -m 256m -k /Image -i /guest.gz -d /tmp/disk.$1 -c 1 --console serial ' +
  '-p "console=ttyS0 rodata=full" <>$1 >$1.log 2>&1 & }';
const wait = (text: string): string => `for n in ${names}; do until grep -q "${text}" $n.log; do sleep 1; done; done`;

describe('realms with contexts of their own', () => {
  const reason = missing([FIRMWARE.rmm08rmi11.file, KERNEL_FOR_PRIVATE_MEC, INITRD]);
  it(
    'three at once: each owns its memory',
    async (context) => {
      if (reason !== null) return context.skip(reason);
      const kernel = pathOf(KERNEL_FOR_PRIVATE_MEC);
      const words = bootWords({ firmware: FIRMWARE.rmm08rmi11, cpus: 2, mec: true, kernel });
      const system = await createSystem(configureLaunch(parseQemu(words).launch));
      const observer = new Observer(system);
      const host = new Host(system);
      /** MECIDs of realms: those that own more than 16 MiB, but for RMM's own two, 0 and 1 (what it has wiped). */
      const owners = (): (number | null)[] => {
        observer.refresh();
        const large = observer.granules.contexts().filter((c) => c.owner.mecid! > 1 && c.bytes > 16 << 20);
        return large.map((c) => c.owner.mecid).sort();
      };
      try {
        await system.start();
        await host.until(new RegExp(PROMPT));
        await host.run(DISKS, 'DISKS');
        await host.run(START, 'START');
        await host.run(`${REALMS.map((name) => `start ${name}`).join('; ')}; ${wait('TRIREME-UP')}`, 'ALL');
        // The host counts from 1; RMM has two before that.
        expect(owners()).toEqual(REALMS.map((_, i) => i + 3));
      } finally {
        observer.close();
        await system.stop();
      }
    },
    LIMIT * 1000,
  );
});

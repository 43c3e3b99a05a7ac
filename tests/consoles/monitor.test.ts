import { describe, expect, test } from 'vitest';
import { evaluate } from '../../core/consoles/monitor/expressions.ts';
import { dump, parseFormat } from '../../core/consoles/monitor/memory-dump.ts';
import { Monitor } from '../../core/consoles/monitor/monitor.ts';
import { disassemble } from '../../core/debug/disassemble.ts';
import type { MachineView } from '../../core/system/api.ts';
import { FakeCore, FakeSystem } from '../support/fake-system.ts';

const host = { quit: () => {}, disassembler: async () => disassemble };

describe('numbers', () => {
  const core = new FakeCore(0);
  core.setX(3, 0xffff_ffff_0000_0010n);
  test.each([
    ['1 + 2 * 3', 7n],
    ['(1 + 2) * 3', 9n],
    ['-1', 2n ** 64n - 1n],
    ['0x10 | 1 << 4 & 0xff', 0x10n],
    ['~0 ^ 1', 2n ** 64n - 2n],
    ['7 / 2 % 2', 1n],
    ['$x3 + 1', 0xffff_ffff_0000_0011n],
    ['$w3', 16n],
    ['$pc - 0x40000000', 0n],
    ['$SCTLR_EL1', 0x30d00800n],
    ['$sctlr_el1 & 0xf00', 0x800n],
  ])('%s', (text, value) => expect(evaluate(text, core)).toBe(value));
  test.each(['', '1 +', '(1', '1 2', '$x31', '$nope', '1 / 0', '4 @ 4', `${'('.repeat(5000)}1`])(
    '%s is none',
    (text) => {
      expect(() => evaluate(text, core)).toThrow(/missing|what is|no register|zero|deeply/);
    },
  );
});

describe('memory', () => {
  const memory = Uint8Array.from({ length: 40 }, (_, i) => i + 0x3e);
  const read = (address: bigint, length: number): Uint8Array => memory.slice(Number(address), Number(address) + length);
  const show = (format: string, at = 0n): string => dump(at, parseFormat(format), read, disassemble);
  test('formats', () => {
    expect(show('2x')).toBe('0000000000000000: 0x41403f3e 0x45444342');
    expect(show('2xg')).toBe('0000000000000000: 0x454443424140 3f3e 0x4d4c4b4a49484746'.replace('4140 ', '4140'));
    expect(show('3c')).toBe("0000000000000000: '>' '?' '@'");
    expect(show('1ub')).toBe('0000000000000000: 62');
    expect(show('20xb').split('\n')[1]).toMatch(/^0000000000000010: 0x4e /);
    expect(show('1i')).toMatch(/^0000000000000000: 41403f3e {2}\S/);
  });
  test('what cannot be read is said where it begins', () => {
    expect(show('8xw', 32n)).toBe('0000000000000020: 0x61605f5e 0x65646362\nthere is no memory at 0x28');
    expect(show('1xb', 100n)).toBe('there is no memory at 0x64');
  });
  test.each(['0x', '99999999x', 'z', '4-'])('/%s is no format', (text) =>
    expect(() => parseFormat(text)).toThrow(/format|count/),
  );
});

describe('commands, on a system without an engine', () => {
  test('what is seen is seen while the cores stand, and they go on then', async () => {
    const system = new FakeSystem({ cores: 2 });
    const events: string[] = [];
    system.on('stopped', () => void events.push('stopped'));
    system.on('resumed', () => void events.push('resumed'));
    await system.start();
    const monitor = new Monitor(system, host);
    const shown = await monitor.run('info cpus');
    expect(shown).toMatch(/^\* CPU #0: runs, normal EL1, pc 0x0000000040\w{6}\n {2}CPU #1: runs/);
    expect(system.running).toBe(true);
    expect(await monitor.run('stop')).toBe('');
    expect(await monitor.run('info status')).toBe('VM status: paused');
    expect(await monitor.run('cpu 1')).toBe('');
    system.cores[1]!.setX(5, 0x1234n);
    expect(await monitor.run('p $x5')).toBe('0x1234');
    expect(await monitor.run('p/d -1')).toBe('-1');
    expect(await monitor.run('info registers')).toMatch(/^CPU #1\n pc 0/);
    expect((await monitor.run('info registers -a')).match(/^CPU #/gm)).toHaveLength(2);
    expect(system.running).toBe(false);
    await monitor.run('c');
    expect(system.running).toBe(true);
    await monitor.run('system_reset');
    expect(system.resets).toBe(1);
    await system.stop();
  });
  test('a machine with devices', async () => {
    const system = new FakeSystem();
    let pressed = 0;
    const view: MachineView = {
      description: {
        ...system.config.machine,
        memory: [
          { name: 'secure-ram', kind: 'ram', base: 0x0e000000, size: 0x1000000, pas: 5 },
          { name: 'dram', kind: 'ram', base: 0x40000000, size: 0x10000, pas: 15 },
        ],
      },
      pressPowerKey: () => void pressed++,
      interrupts: () => [
        {
          intid: 27,
          core: 0,
          group: 'group1-nonsecure',
          enabled: true,
          pending: true,
          active: false,
          trigger: 'level',
          priority: 0xa0,
          target: null,
        },
        {
          intid: 33,
          core: null,
          group: 'group1-nonsecure',
          enabled: true,
          pending: false,
          active: false,
          trigger: 'level',
          priority: 0,
          target: 1,
        },
      ],
    };
    system.machine = view;
    const monitor = new Monitor(system, host);
    expect(await monitor.run('info mtree')).toBe(
      'address space: physical\n  0000000009000000-0000000009000fff (i/o): uart0\n' +
        '  000000000e000000-000000000effffff (ram): secure-ram [secure, root]\n  0000000040000000-000000004000ffff (ram): dram',
    );
    const irq = (await monitor.run('info irq')).split('\n');
    expect(irq[0]).toMatch(/^ {3}27 PPI 11 +core 0 +group1-nonsecure +priority a0 level +enabled pending$/);
    expect(irq[1]).toMatch(/^ {3}33 SPI 1 +core 1 /);
    await monitor.run('system_powerdown');
    expect(pressed).toBe(1);
    system.machine = null;
    expect(await monitor.run('system_powerdown')).toBe('this machine has none');
  });
  test.each([
    ['nonsense', 'there is no command nonsense; help lists them'],
    ['info moon', /there is no info moon \(there are registers, cpus/],
    ['cpu 7', 'a core from 0 to 0 is needed'],
    ['x/4z 0', '/4z: there is no format z'],
    ['x/4x', 'a number is missing'],
    ['', ''],
  ])('%j', async (line, answer) => {
    const shown = await new Monitor(new FakeSystem(), host).run(line);
    if (typeof answer === 'string') expect(shown).toBe(answer);
    else expect(shown).toMatch(answer);
  });
  test('help has every command', async () => {
    const help = await new Monitor(new FakeSystem(), host).run('help');
    for (const name of [
      'stop',
      'cont',
      'system_reset',
      'system_powerdown',
      'quit',
      'x ',
      'xp',
      'p|print',
      'info registers',
      'info mtree',
      'info irq',
      'info mem',
    ]) {
      expect(help).toContain(name);
    }
  });
});

describe('info mem', () => {
  /** Stage 1 tables of EL1 at 0x40001000 in the fake memory: a block, a table with two pages, and nothing else. */
  function mapped(): FakeSystem {
    const system = new FakeSystem();
    const view = new DataView(system.memory.buffer);
    const set = (at: number, entry: bigint): void => view.setBigUint64(at - 0x40000000, entry, true);
    // T0SZ 25: the walk starts at level 1, with 512 entries of 1 GiB.
    set(0x40001000 + 8, 0x40000000n | 0x401n);
    set(0x40001000 + 16, 0x80000000n | 0x401n);
    set(0x40001000 + 24, 0x40002000n | 3n);
    set(0x40002000 + 8 * 511, 0x40003000n | 3n);
    set(0x40003000, 0x12345000n | 0x40_0000_0000_0443n | (1n << 7n));
    set(0x40003000 + 8, 0x99000n | 0x443n | (1n << 11n));
    const registers = system.cores[0]!.system;
    registers.set('SCTLR_EL1', 1n);
    registers.set('TTBR0_EL1', 0x40001000n);
    registers.set('TCR_EL1', 25n | (1n << 23n));
    return system;
  }
  test('ranges of equal attributes', async () => {
    expect(await new Monitor(mapped(), host).run('info mem')).toBe(
      '0000000040000000-00000000bfffffff 0000000040000000 rwx --x attr 0\n' +
        '00000000ffe00000-00000000ffe00fff 0000000012345000 r-x r-- attr 0\n' +
        '00000000ffe01000-00000000ffe01fff 0000000000099000 rwx rwx attr 0 nG',
    );
  });
  test('off, or not to be followed', async () => {
    const system = mapped();
    const registers = system.cores[0]!.system;
    registers.set('HCR_EL2', 1n);
    expect(await new Monitor(system, host).run('info mem')).toMatch(/stage 2 is on/);
    registers.set('HCR_EL2', 0n);
    registers.set('SCTLR_EL1', 0n);
    expect(await new Monitor(system, host).run('info mem')).toBe('translation is off');
  });
  test('a table that names itself ends', async () => {
    const system = mapped();
    new DataView(system.memory.buffer).setBigUint64(0x1000, 0x40001000n | 3n, true);
    const shown = await new Monitor(system, host).run('info mem');
    expect(shown.length).toBeLessThan(1 << 20);
  });
});

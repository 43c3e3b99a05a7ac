import { describe, expect, it } from 'vitest';
import type { BareSystemOptions } from '../../core/machines/bare.ts';
import type { EngineMode } from '../../core/system/api.ts';
import { Code } from '../engine/asm.ts';
import { DATA, descriptorOf, exit, IRQ, pageAt, program, SYNC, start, whoAmI } from '../engine/program.ts';
import { type Ran, runSystem } from '../support/system-run.ts';

const WAYS: readonly (readonly [EngineMode, boolean])[] = [
  ['normal', false],
  ['compiled', false],
  ['interpreter', false],
  ['normal', true],
];
const CPU_OFF = 0x84000002;
const CPU_ON = 0xc4000003;
const AFFINITY_INFO = 0xc4000004;
const WFI = 0xd503207f;
const WFE = 0xd503205f;
const SEV = 0xd503209f;
const IRQS_ON = 0xd50342ff;
const IRQS_OFF = 0xd50342df;
const HVC = 0xd4000002;

/** Words that both cores use: each in a line of its own. */
const line = (n: number): number => DATA + 0x100 * n;

/** Runs core 0's and core 1's code; core 0 ends the run. X10–X15 are kept for what the cores share. */
async function pair(
  zero: (a: Code) => void,
  one: (a: Code) => void,
  config: Partial<BareSystemOptions>,
  vectors: Readonly<Record<number, Code>> = {},
): Promise<Ran> {
  const a = start(new Code());
  whoAmI(a, 9).cbnz(9, 'second');
  zero(a);
  exit(a);
  a.label('second');
  one(a);
  a.label('rest').word(WFI).b('rest');
  const ran = await runSystem({ cores: 2, psci: 'none', ...config, ...program(a, vectors) });
  expect(ran.how).toMatchObject({ reason: 'exit', status: 0 });
  return ran;
}
/** Waits until the word at line n is what X-register `value` says. */
const until = (a: Code, n: number, value: number): void => {
  const again = a.fresh();
  a.movImm(15, line(n)).movImm(14, value).label(again).ldar(13, 15).subs(13, 13, 14).bIf('ne', again);
};
const tell = (a: Code, n: number, value: number): void => {
  a.movImm(15, line(n)).movImm(14, value).stlr(14, 15);
};
const word = (ran: Ran, address: number): bigint =>
  new DataView(ran.system.readMemory(BigInt(address), 8).buffer).getBigUint64(0, true);

describe.each(WAYS)('two cores, %s, deterministic: %s', (engine, deterministic) => {
  const config = { engine, deterministic };

  it('TLBI of one core acts on the other: after DSB nothing goes through the old entry', async () => {
    const page = DATA + 0x10000;
    const [other, rounds] = [DATA + 0x11000, 60];
    // Core 1 increments through the page all the time. Core 0 maps it here and there; after each change the page left is still.
    const ran = await pair(
      (a) => {
        a.movImm(1, rounds)
          .movImm(2, descriptorOf(page))
          .movImm(3, pageAt(page))
          .movImm(4, pageAt(other))
          .movImm(5, page / 4096);
        a.movImm(7, DATA + 0x20000)
          .movImm(9, other)
          .movImm(20, 0);
        until(a, 1, 1);
        a.label('round');
        // The page that core 1 works on becomes the other one.
        a.str(4, 2).barrier('dsb sy').tlbiVaae1is(5).barrier('dsb sy').barrier('isb');
        // An alias of the page that was left: what it holds must not change any more.
        a.ldr(8, 7)
          .movImm(6, 300)
          .label('watch')
          .ldr(10, 7)
          .subs(10, 10, 8)
          .bIf('eq', 'same')
          .addImm(20, 20, 1)
          .label('same');
        a.addImm(6, 6, -1).cbnz(6, 'watch');
        // It works on the other one now, as soon as it runs.
        a.ldr(8, 9).label('meets').ldr(10, 9).subs(10, 10, 8).bIf('eq', 'meets');
        a.str(3, 2).barrier('dsb sy').tlbiVaae1is(5).barrier('dsb sy').barrier('isb').addImm(1, 1, -1).cbnz(1, 'round');
        a.movImm(7, line(4)).str(20, 7);
        // The alias's own descriptor was written before core 1 began.
      },
      (a) => {
        // DATA + 0x20000 shows the same memory as `page` did at first.
        a.movImm(2, descriptorOf(DATA + 0x20000))
          .movImm(3, pageAt(page))
          .str(3, 2)
          .barrier('dsb sy');
        a.tlbiVmalle1is().barrier('dsb sy').barrier('isb');
        tell(a, 1, 1);
        a.movImm(1, page).label('work').ldr(2, 1).addImm(2, 2, 1).str(2, 1).b('work');
      },
      config,
    );
    expect(word(ran, line(4))).toBe(0n);
    expect(word(ran, page)).toBeGreaterThan(0n);
    expect(word(ran, other)).toBeGreaterThanOrEqual(BigInt(rounds));
  });

  it('a page that is taken away faults on the other core', async () => {
    const page = DATA + 0x10000;
    const handler = new Code().movImm(15, line(3)).movImm(14, 1).stlr(14, 15).label('on').b('on') as Code;
    const ran = await pair(
      (a) => {
        until(a, 1, 1);
        a.movImm(2, descriptorOf(page))
          .str(31, 2)
          .barrier('dsb sy')
          .movImm(5, page / 4096)
          .movImm(6, 400)
          .movImm(7, DATA / 4096);
        // More than the other core's inbox holds, and none awaited; the one that counts is the last.
        a.label('many').tlbiVaae1is(7).addImm(6, 6, -1).cbnz(6, 'many').tlbiVaae1is(5).barrier('dsb sy');
        until(a, 3, 1);
      },
      (a) => {
        tell(a, 1, 1);
        a.movImm(1, page).label('work').ldr(2, 1).addImm(2, 2, 1).str(2, 1).b('work');
      },
      config,
      { [SYNC]: handler },
    );
    const { cores } = ran.system;
    expect([cores[1]!.sysreg('FAR_EL1'), cores[1]!.sysreg('ESR_EL1')! >> 26n]).toEqual([BigInt(page), 0x25n]);
    expect(cores[0]!.sysreg('ESR_EL1')).toBe(0n);
  });

  it('code that one core rewrites is new for the other after its ISB', async () => {
    const f = DATA + 0x10000;
    const rounds = 25;
    const ran = await pair(
      (a) => {
        // f: MOVZ X0, #n; RET.
        a.movImm(1, f)
          .movImm(3, 0xd65f03c0)
          .strAt(3, 1, 4, 4)
          .movImm(4, 0xd2800000)
          .movImm(5, 1)
          .movImm(7, line(1))
          .movImm(8, line(2));
        a.label('round').lsl(6, 5, 5).add(6, 6, 4).str(6, 1, 4).codeChanged(1).stlr(5, 7);
        a.label('wait')
          .ldar(6, 8)
          .subs(6, 6, 5)
          .bIf('ne', 'wait')
          .addImm(5, 5, 1)
          .cmpImm(5, rounds + 1)
          .bIf('ne', 'round');
      },
      (a) => {
        a.movImm(1, f).movImm(5, 0).movImm(7, line(1)).movImm(8, line(2)).movImm(19, 0);
        // Until the next version is announced, calls yield the present one or, once it is there, the next.
        a.label('idle').ldar(6, 7).subs(3, 6, 5).bIf('ne', 'fresh').cbz(5, 'idle').blr(1).alu('sub', 2, 0, 5);
        a.cmpImm(2, 2).bIf('lo', 'idle').addImm(19, 19, 1).b('idle');
        a.label('fresh').barrier('isb').mov(5, 6).movImm(10, 80);
        a.label('calls')
          .blr(1)
          .subs(2, 0, 5)
          .bIf('eq', 'right')
          .addImm(19, 19, 1)
          .label('right')
          .addImm(10, 10, -1)
          .cbnz(10, 'calls');
        a.movImm(2, line(5)).str(19, 2).stlr(5, 8).b('idle');
      },
      config,
    );
    expect([word(ran, line(5)), word(ran, line(2))]).toEqual([0n, BigInt(rounds)]);
  });

  it('WFE sleeps until SEV, or a store to what was loaded exclusively', async () => {
    const rounds = 30;
    const ran = await pair(
      (a) => {
        a.movImm(5, 1).movImm(7, line(1)).movImm(8, line(2)).movImm(9, line(3));
        a.label('round').stlr(5, 7).barrier('dsb sy').word(SEV);
        // The answer comes with SEV too; the next one by a store to the monitored line.
        a.label('wait').ldar(6, 8).subs(6, 6, 5).bIf('eq', 'there').word(WFE).b('wait').label('there').stlr(5, 9);
        a.addImm(5, 5, 1)
          .cmpImm(5, rounds + 1)
          .bIf('ne', 'round');
        until(a, 4, rounds);
      },
      (a) => {
        a.movImm(5, 1).movImm(7, line(1)).movImm(8, line(2)).movImm(9, line(3)).movImm(12, line(4));
        a.label('wait1')
          .ldar(6, 7)
          .subs(6, 6, 5)
          .bIf('eq', 'go')
          .word(WFE)
          .b('wait1')
          .label('go')
          .stlr(5, 8)
          .barrier('dsb sy')
          .word(SEV);
        a.label('again')
          .ldxr(6, 9, 8, true)
          .subs(6, 6, 5)
          .bIf('eq', 'got')
          .word(WFE)
          .b('again')
          .label('got')
          .stlr(5, 12);
        a.addImm(5, 5, 1).b('wait1');
      },
      config,
    );
    expect(word(ran, line(4))).toBe(BigInt(rounds));
  });

  it('WFI sleeps until the timer of each core', async () => {
    // CNTV_TVAL_EL0 = 2000; IRQ: count in X20, switch the timer off.
    const handler = new Code().addImm(20, 20, 1).msr(31, 3, 3, 14, 3, 1).eret() as Code;
    const sleep = (a: Code, name: string): void => {
      a.movImm(20, 0).movImm(21, 2000).movImm(22, 1);
      // Masked until WFI has woken up, or the interrupt might come before it.
      a.label(name).msr(21, 3, 3, 14, 3, 0).msr(22, 3, 3, 14, 3, 1).word(WFI).word(IRQS_ON).word(IRQS_OFF);
      a.cmpImm(20, 12).bIf('ne', name);
    };
    await pair(
      (a) => {
        sleep(a, 'zero');
        until(a, 1, 12);
      },
      (a) => {
        sleep(a, 'one');
        a.movImm(15, line(1)).stlr(20, 15);
      },
      config,
      { [IRQ]: handler },
    );
  });
});

describe.each(WAYS)('PSCI by HVC, %s, deterministic: %s', (engine, deterministic) => {
  it('a core goes off and is started again, many times', async () => {
    const rounds = 20;
    const a = start(new Code());
    a.movImm(19, 1).movImm(20, line(1)).adr(21, 'second');
    a.label('round').movImm(0, CPU_ON).movImm(1, 1).mov(2, 21).mov(3, 19).word(HVC).cbnz(0, 'failed');
    a.label('answer').ldar(4, 20).subs(4, 4, 19).bIf('ne', 'answer');
    a.label('off').movImm(0, AFFINITY_INFO).movImm(1, 1).movImm(2, 0).word(HVC).cmpImm(0, 1).bIf('ne', 'off');
    a.addImm(19, 19, 1)
      .cmpImm(19, rounds + 1)
      .bIf('ne', 'round');
    exit(a);
    a.label('failed').movImm(2, 7);
    exit(a, true);
    // Stage 1 is off here; X0 is the context.
    a.label('second').mov(5, 0).movImm(1, line(1)).str(5, 1).movImm(0, CPU_OFF).word(HVC).label('never').b('never');
    const ran = await runSystem({ cores: 2, engine, deterministic, ...program(a) });
    expect(ran.how).toMatchObject({ reason: 'exit', status: 0 });
    expect(word(ran, line(1))).toBe(BigInt(rounds));
  });
});

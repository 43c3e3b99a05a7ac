/** Pointer authentication: signing, authenticating and stripping, branches and loads with it (FEAT_PAuth). */
import { PAUTH_KEYS, type PauthKey } from '../pauth/config.ts';
import { authenticate, generic, sign, strip } from '../pauth/meaning.ts';
import { i32, i64, type Sem, type Val } from '../semantics.ts';
import { Group, signed } from './pattern.ts';

export const group = new Group('pointer authentication');

const { IA, IB, DA, DB } = PAUTH_KEYS;
const KEYS: readonly (readonly [string, PauthKey])[] = [
  ['IA', IA],
  ['IB', IB],
  ['DA', DA],
  ['DB', DB],
];
const binary = (n: number, width: number): string => n.toString(2).padStart(width, '0');

// Data processing, one source: a register with a register or SP, or with zero, as modifier.
KEYS.forEach(([name, key], index) => {
  for (const [verb, first, act] of [
    ['PAC', 0, sign],
    ['AUT', 4, authenticate],
  ] as const) {
    const low = `${verb}${name}`.toLowerCase();
    group.insn(`${verb}${name}`, `1 1 0 11010110 00001 ${binary(first + index, 6)} Rn:s Rd:x`, {
      feature: 'PAuth',
      asm: `${low} <Xd>, <Xn|SP>`,
      run: (s) => s.setX('Rd', act(s, key, s.x('Rd'), s.x('Rn'))),
    });
    const zero = `${verb}${name[0]}Z${name[1]}`;
    group.insn(zero, `1 1 0 11010110 00001 ${binary(first + 8 + index, 6)} 11111 Rd:x`, {
      feature: 'PAuth',
      asm: `${zero.toLowerCase()} <Xd>`,
      run: (s) => s.setX('Rd', act(s, key, s.x('Rd'), i64(0))),
    });
  }
});
for (const [name, bits, key] of [
  ['XPACI', '010000', IA],
  ['XPACD', '010001', DA],
] as const) {
  group.insn(name, `1 1 0 11010110 00001 ${bits} 11111 Rd:x`, {
    feature: 'PAuth',
    asm: `${name.toLowerCase()} <Xd>`,
    run: (s) => s.setX('Rd', strip(s, key, s.x('Rd'))),
  });
}
group.insn('PACGA', '1 0 0 11010110 Rm:s 001100 Rn Rd:w', {
  feature: 'PAuth',
  asm: 'pacga <Xd>, <Xn>, <Xm|SP>',
  run: (s) => s.setX('Rd', generic(s, s.x('Rn'), s.x('Rm'))),
});

// Hints: X17 with X16, X30 with zero or SP.
const hint = (n: number): string => `11010101000000110010 ${binary(n >> 3, 4)} ${binary(n & 7, 3)} 11111`;
const SP = 31;
const hinted: readonly (readonly [string, number, number, (s: Sem) => Val])[] = [
  ['1716', 8, 17, (s) => s.xReg(16)],
  ['Z', 24, 30, () => i64(0)],
  ['SP', 25, 30, (s) => s.xReg(SP)],
];
for (const [suffix, number, register, modifier] of hinted) {
  for (const [verb, add, act] of [
    ['PAC', 0, sign],
    ['AUT', 4, authenticate],
  ] as const) {
    for (const [name, key] of KEYS.slice(0, 2)) {
      group.insn(`${verb}${name}${suffix}`, hint(number + add + (key.b ? 2 : 0)), {
        feature: 'PAuth',
        asm: `${verb}${name}${suffix}`.toLowerCase(),
        run: (s) => s.setXReg(register, act(s, key, s.xReg(register), modifier(s))),
      });
    }
  }
}
group.insn('XPACLRI', hint(7), {
  feature: 'PAuth',
  asm: 'xpaclri',
  run: (s) => s.setXReg(30, strip(s, IA, s.xReg(30))),
});

// Branches. A wrong pointer makes its exception before the link register is written (FEAT_FPACCOMBINE).
for (const key of [IA, IB]) {
  const letter = key.b ? 'B' : 'A';
  const m = key.b ? 1 : 0;
  const target = (s: Sem, modifier: Val): Val => authenticate(s, key, s.x('Rn'), modifier, true);
  for (const [name, op, link] of [
    ['BRA', '00', false],
    ['BLRA', '01', true],
  ] as const) {
    const branch = (s: Sem, modifier: Val): void => {
      const to = target(s, modifier);
      if (link) s.setXReg(30, s.pc().add(4));
      s.jumpTo(to, link ? 'call' : 'jump');
    };
    group.insn(`${name}${letter}`, `1101011 1 0 ${op} 11111 00001 ${m} Rn Rm:s`, {
      feature: 'PAuth',
      flow: link ? 'indirectCall' : 'indirect',
      asm: `${name}${letter} `.toLowerCase() + '<Xn>, <Xm|SP>',
      run: (s) => branch(s, s.x('Rm')),
    });
    group.insn(`${name}${letter}Z`, `1101011 0 0 ${op} 11111 00001 ${m} Rn 11111`, {
      feature: 'PAuth',
      flow: link ? 'indirectCall' : 'indirect',
      asm: `${name}${letter}z `.toLowerCase() + '<Xn>',
      run: (s) => branch(s, i64(0)),
    });
  }
  group.insn(`RETA${letter}`, `1101011 0 0 10 11111 00001 ${m} 11111 11111`, {
    feature: 'PAuth',
    flow: 'return',
    asm: `reta${letter}`.toLowerCase(),
    run: (s) => s.jumpTo(authenticate(s, key, s.xReg(30), s.xReg(SP), true), 'return'),
  });
  group.insn(`ERETA${letter}`, `1101011 0 1 00 11111 00001 ${m} 11111 11111`, {
    feature: 'PAuth',
    interpretOnly: true,
    asm: `ereta${letter}`.toLowerCase(),
    run: (s) => s.leaveTo('exceptionReturnAuth', i32(m)),
  });
}

// Loads from an authenticated base register.
for (const key of [DA, DB]) {
  const name = key.b ? 'LDRAB' : 'LDRAA';
  for (const [w, text] of [
    [0, '[<Xn|SP>{, #<imm>}]'],
    [1, '[<Xn|SP>{, #<imm>}]!'],
  ] as const) {
    group.insn(name + (w ? ' (pre-indexed)' : ''), `11111 0 00 ${key.b ? 1 : 0} imms 1 imm9:9 ${w} 1 Rn:s Rt:w`, {
      feature: 'PAuth',
      spBase: true,
      imm: (f) => signed((f.imms! << 9) | f.imm9!, 10) * 8,
      asm: `${name.toLowerCase()} <Xt>, ${text}`,
      run: (s) => {
        const address = authenticate(s, key, s.x('Rn'), i64(0), true).add(s.imm());
        const v = s.load('i64', address, 8);
        if (w) s.setX('Rn', address);
        s.setX('Rt', v);
      },
    });
  }
}

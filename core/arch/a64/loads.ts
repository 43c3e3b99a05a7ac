/** Loads and stores of general registers (C4.1.96): immediate, register offset, literal, pair. */
import { I64, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group, signed } from './pattern.ts';

export const group = new Group('loads and stores', { spBase: true });

/** What `size:opc` of a load or store means. */
interface Kind {
  readonly name: string;
  readonly size: string;
  readonly opc: string;
  readonly bytes: 1 | 2 | 4 | 8;
  /** How the register is accessed: width, and for loads the extension. */
  readonly access: string;
  readonly load: boolean;
  readonly reg: 'X' | 'W';
}
const kinds: readonly Kind[] = [
  { name: 'STRB', size: '00', opc: '00', bytes: 1, access: 'i32_8', load: false, reg: 'W' },
  { name: 'LDRB', size: '00', opc: '01', bytes: 1, access: 'i32_8u', load: true, reg: 'W' },
  { name: 'LDRSB', size: '00', opc: '10', bytes: 1, access: 'i64_8s', load: true, reg: 'X' },
  { name: 'LDRSB', size: '00', opc: '11', bytes: 1, access: 'i32_8s', load: true, reg: 'W' },
  { name: 'STRH', size: '01', opc: '00', bytes: 2, access: 'i32_16', load: false, reg: 'W' },
  { name: 'LDRH', size: '01', opc: '01', bytes: 2, access: 'i32_16u', load: true, reg: 'W' },
  { name: 'LDRSH', size: '01', opc: '10', bytes: 2, access: 'i64_16s', load: true, reg: 'X' },
  { name: 'LDRSH', size: '01', opc: '11', bytes: 2, access: 'i32_16s', load: true, reg: 'W' },
  { name: 'STR', size: '10', opc: '00', bytes: 4, access: 'i32', load: false, reg: 'W' },
  { name: 'LDR', size: '10', opc: '01', bytes: 4, access: 'i32', load: true, reg: 'W' },
  { name: 'LDRSW', size: '10', opc: '10', bytes: 4, access: 'i64_32s', load: true, reg: 'X' },
  { name: 'STR', size: '11', opc: '00', bytes: 8, access: 'i64', load: false, reg: 'X' },
  { name: 'LDR', size: '11', opc: '01', bytes: 8, access: 'i64', load: true, reg: 'X' },
];

function access(s: Sem, k: Kind, address: Val, unprivileged: boolean, after: () => void): void {
  if (k.load) {
    const v = s.load(k.access, address, k.bytes, { unprivileged });
    after();
    if (k.reg === 'X') s.setX('Rt', v);
    else s.setW('Rt', v);
  } else {
    s.store(k.access, address, k.reg === 'X' ? s.x('Rt') : s.w('Rt'), k.bytes, { unprivileged });
    after();
  }
}
const nothing = (): void => {};

for (const k of kinds) {
  const low = k.name.toLowerCase();
  const rt = k.load ? 'Rt:w' : 'Rt';
  const unscaled = low.replace('ldr', 'ldur').replace('str', 'stur');
  const unpriv = low.replace('ldr', 'ldtr').replace('str', 'sttr');
  const imm9 = (f: Fields): number => signed(f.imm9!, 9);
  group.insn(`${k.name} (immediate)`, `${k.size} 111 0 01 ${k.opc} imm12:12 Rn:s ${rt}`, {
    imm: (f) => f.imm12! * k.bytes,
    asm: `${low} <${k.reg}t>, [<Xn|SP>{, #<imm>}]`,
    run: (s) => access(s, k, s.x('Rn').add(s.imm()), false, nothing),
  });
  group.insn(`${unscaled.toUpperCase()}`, `${k.size} 111 0 00 ${k.opc} 0 imm9:9 00 Rn:s ${rt}`, {
    imm: imm9,
    asm: `${unscaled} <${k.reg}t>, [<Xn|SP>{, #<imm>}]`,
    run: (s) => access(s, k, s.x('Rn').add(s.imm()), false, nothing),
  });
  group.insn(`${unpriv.toUpperCase()}`, `${k.size} 111 0 00 ${k.opc} 0 imm9:9 10 Rn:s ${rt}`, {
    imm: imm9,
    asm: `${unpriv} <${k.reg}t>, [<Xn|SP>{, #<imm>}]`,
    run: (s) => access(s, k, s.x('Rn').add(s.imm()), true, nothing),
  });
  for (const [mode, bits, text] of [
    ['post-index', '01', '[<Xn|SP>], #<imm>'],
    ['pre-index', '11', '[<Xn|SP>, #<imm>]!'],
  ] as const) {
    group.insn(`${k.name} (${mode})`, `${k.size} 111 0 00 ${k.opc} 0 imm9:9 ${bits} Rn:s ${rt}`, {
      imm: imm9,
      asm: `${low} <${k.reg}t>, ${text}`,
      run: (s) => {
        const base = s.x('Rn');
        const moved = base.add(s.imm());
        access(s, k, mode === 'pre-index' ? moved : base, false, () => s.setX('Rn', moved));
      },
    });
  }
  group.insn(`${k.name} (register)`, `${k.size} 111 0 00 ${k.opc} 1 Rm option:3 S 10 Rn:s ${rt}`, {
    where: (f) => (f.option! & 2) !== 0,
    asm: `${low} <${k.reg}t>, [<Xn|SP>, <Rm-ext>{, <mem-extend>}]`,
    run: (s, f) => access(s, k, registerOffset(s, f, Math.log2(k.bytes)), false, nothing),
  });
}

/** Base plus extended, optionally scaled, index register. */
export function registerOffset(s: Sem, f: Fields, scale: number): Val {
  const m = f.option === 2 ? s.w('Rm').zext64() : f.option === 6 ? s.w('Rm').sext64() : s.x('Rm');
  return s.x('Rn').add(f.S ? m.shl(scale) : m);
}

// PC-relative literals.
const literal = (f: Fields): number => signed(f.imm19!, 19) * 4;
group.insn('LDR (literal)', '00 011 0 00 imm19:19 Rt:w', {
  imm: literal,
  asm: 'ldr <Wt>, <label>',
  run: (s) => s.setW('Rt', s.load('i32', s.pc().add(s.imm()), 4)),
});
group.insn('LDR (literal)', '01 011 0 00 imm19:19 Rt:w', {
  imm: literal,
  asm: 'ldr <Xt>, <label>',
  run: (s) => s.setX('Rt', s.load('i64', s.pc().add(s.imm()), 8)),
});
group.insn('LDRSW (literal)', '10 011 0 00 imm19:19 Rt:w', {
  imm: literal,
  asm: 'ldrsw <Xt>, <label>',
  run: (s) => s.setX('Rt', s.load('i64_32s', s.pc().add(s.imm()), 4)),
});

// Prefetches are hints; they never fault.
group.insn('PRFM (immediate)', '11 111 0 01 10 imm12:12 Rn:s immprf:5', {
  spBase: false,
  imm: (f) => f.imm12! * 8,
  asm: 'prfm <prfop>, [<Xn|SP>{, #<imm>}]',
  run: () => {},
});
group.insn('PRFM (register)', '11 111 0 00 10 1 Rm immoption:3 immS 10 Rn:s immprf:5', {
  spBase: false,
  where: (f) => (f.immoption! & 2) !== 0,
  asm: 'prfm <prfop>, [<Xn|SP>, <Rm-ext>{, <mem-extend>}]',
  run: () => {},
});
group.insn('PRFM (literal)', '11 011 0 00 imm19:19 immprf:5', {
  spBase: false,
  imm: literal,
  asm: 'prfm <prfop>, <label>',
  run: () => {},
});
group.insn('PRFUM', '11 111 0 00 10 0 imm9:9 00 Rn:s immprf:5', {
  spBase: false,
  imm: (f) => signed(f.imm9!, 9),
  asm: 'prfum <prfop>, [<Xn|SP>{, #<imm>}]',
  run: () => {},
});

// Pairs.
interface PairKind {
  readonly name: string;
  readonly opc: string;
  readonly bytes: 4 | 8;
  readonly signExtend: boolean;
}
const pairKinds: readonly PairKind[] = [
  { name: 'P', opc: '00', bytes: 4, signExtend: false },
  { name: 'PSW', opc: '01', bytes: 4, signExtend: true },
  { name: 'P', opc: '10', bytes: 8, signExtend: false },
];
const pairModes = [
  ['no allocate', '000', '[<Xn|SP>{, #<imm>}]'],
  ['post-index', '001', '[<Xn|SP>], #<imm>'],
  ['signed offset', '010', '[<Xn|SP>{, #<imm>}]'],
  ['pre-index', '011', '[<Xn|SP>, #<imm>]!'],
] as const;
for (const k of pairKinds) {
  const r = k.bytes === 8 || k.signExtend ? 'X' : 'W';
  const sf = k.bytes === 8 ? 1 : 0;
  for (const [mode, bits, text] of pairModes) {
    const imm = (f: Fields): number => signed(f.imm7!, 7) * k.bytes;
    const base = (s: Sem): [Val, Val] => {
      const n = s.x('Rn');
      const moved = n.add(s.imm());
      return [mode === 'post-index' ? n : moved, moved];
    };
    const writeBack = mode === 'post-index' || mode === 'pre-index';
    const n = mode === 'no allocate' ? 'N' : '';
    if (!(k.signExtend && mode === 'no allocate')) {
      group.insn(`LD${n}${k.name} (${mode})`, `${k.opc} 101 0 ${bits} 1 imm7:7 Rt2:w Rn:s Rt:w`, {
        imm,
        asm: `ld${n.toLowerCase()}${k.name.toLowerCase()} <${r}t>, <${r}t2>, ${text}`,
        run: (s) => {
          const [address, moved] = base(s);
          const [lo, hi] = s.loadPair(address, k.bytes);
          if (writeBack) s.setX('Rn', moved);
          if (k.signExtend) {
            s.setX('Rt', lo.sext64());
            s.setX('Rt2', hi.sext64());
          } else {
            s.setR(sf, 'Rt', lo);
            s.setR(sf, 'Rt2', hi);
          }
        },
      });
    }
    if (!k.signExtend) {
      group.insn(`ST${n}${k.name} (${mode})`, `${k.opc} 101 0 ${bits} 0 imm7:7 Rt2 Rn:s Rt`, {
        imm,
        asm: `st${n.toLowerCase()}${k.name.toLowerCase()} <${r}t>, <${r}t2>, ${text}`,
        run: (s) => {
          const [address, moved] = base(s);
          s.storePair(address, k.bytes, s.r(sf, 'Rt'), s.r(sf, 'Rt2'));
          if (writeBack) s.setX('Rn', moved);
        },
      });
    }
  }
}

export { I64 };

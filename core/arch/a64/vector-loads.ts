/** Loads and stores of SIMD and floating-point registers (C4.1.96): one register, literal, pair. Structures: `vector-structures.ts`. */
import type { Bytes, Sem, Val } from '../semantics.ts';
import { registerOffset } from './loads.ts';
import { type Fields, Group, signed } from './pattern.ts';
import { text } from './simd-text.ts';
import { loadParts, storeParts } from './vector-memory.ts';

export const group = new Group('loads and stores of vector registers', { fp: true, spBase: true });

interface Kind {
  readonly letter: string;
  readonly size: string;
  /** Upper bit of opc: set for 128-bit registers. */
  readonly wide: string;
  readonly bytes: Bytes;
}
const kinds: readonly Kind[] = [
  { letter: 'b', size: '00', wide: '0', bytes: 1 },
  { letter: 'h', size: '01', wide: '0', bytes: 2 },
  { letter: 's', size: '10', wide: '0', bytes: 4 },
  { letter: 'd', size: '11', wide: '0', bytes: 8 },
  { letter: 'q', size: '00', wide: '1', bytes: 16 },
];

/** One access, then `after` (write-back), then the register of a load. */
function access(s: Sem, isLoad: boolean, bytes: Bytes, address: Val, after: () => void = () => {}): void {
  if (isLoad) {
    const v = s.loadV(address, bytes);
    after();
    s.setV('Vt', v);
  } else {
    s.storeV(address, s.v('Vt'), bytes);
    after();
  }
}

const signedText = { imm: (f: Fields): number => signed(f.imm9!, 9) };
for (const k of kinds) {
  for (const isLoad of [false, true]) {
    const opc = `${k.wide}${isLoad ? 1 : 0}`;
    const vt = isLoad ? 'Vt:w' : 'Vt';
    const name = isLoad ? 'ldr' : 'str';
    const title = `${name.toUpperCase()} (%, SIMD&FP, ${k.bytes * 8} bits)`;
    const imm9 = (f: Fields): number => signed(f.imm9!, 9);
    group.insn(title.replace('%', 'immediate'), `${k.size} 111 1 01 ${opc} imm12:12 Rn:s ${vt}`, {
      imm: (f) => f.imm12! * k.bytes,
      asm: text(`${name} ${k.letter}<Vt>, [<Xn|SP>, #<imm>]`, { imm: (f) => f.imm12! * k.bytes }),
      run: (s) => access(s, isLoad, k.bytes, s.x('Rn').add(s.imm())),
    });
    const unscaled = isLoad ? 'ldur' : 'stur';
    group.insn(`${unscaled.toUpperCase()} (SIMD&FP)`, `${k.size} 111 1 00 ${opc} 0 imm9:9 00 Rn:s ${vt}`, {
      imm: imm9,
      asm: text(`${unscaled} ${k.letter}<Vt>, [<Xn|SP>, #<imm>]`, signedText),
      run: (s) => access(s, isLoad, k.bytes, s.x('Rn').add(s.imm())),
    });
    group.insn(title.replace('%', 'post-index'), `${k.size} 111 1 00 ${opc} 0 imm9:9 01 Rn:s ${vt}`, {
      imm: imm9,
      asm: text(`${name} ${k.letter}<Vt>, [<Xn|SP>], #<imm>`, signedText),
      run: (s) => {
        const base = s.x('Rn');
        access(s, isLoad, k.bytes, base, () => s.setX('Rn', base.add(s.imm())));
      },
    });
    group.insn(title.replace('%', 'pre-index'), `${k.size} 111 1 00 ${opc} 0 imm9:9 11 Rn:s ${vt}`, {
      imm: imm9,
      asm: text(`${name} ${k.letter}<Vt>, [<Xn|SP>, #<imm>]!`, signedText),
      run: (s) => {
        const moved = s.x('Rn').add(s.imm());
        access(s, isLoad, k.bytes, moved, () => s.setX('Rn', moved));
      },
    });
    group.insn(title.replace('%', 'register'), `${k.size} 111 1 00 ${opc} 1 Rm option:3 S 10 Rn:s ${vt}`, {
      where: (f) => (f.option! & 2) !== 0,
      asm: text(`${name} ${k.letter}<Vt>, [<Xn|SP>, <index>]`, { index: (f) => indexText(f, k.bytes) }),
      run: (s, f) => access(s, isLoad, k.bytes, registerOffset(s, f, Math.log2(k.bytes))),
    });
  }
}
function indexText(f: Fields, bytes: number): string {
  const n = f.Rm === 31 ? 'zr' : String(f.Rm);
  const reg = `${f.option! & 1 ? 'x' : 'w'}${n}`;
  const extend = ['', '', 'uxtw', 'lsl', '', '', 'sxtw', 'sxtx'][f.option!]!;
  if (f.S) return `${reg}, ${extend} #${Math.log2(bytes)}`;
  return extend === 'lsl' ? reg : `${reg}, ${extend}`;
}

for (const [opc, letter, bytes] of [
  ['00', 's', 4],
  ['01', 'd', 8],
  ['10', 'q', 16],
] as const) {
  group.insn('LDR (literal, SIMD&FP)', `${opc} 011 1 00 imm19:19 Vt:w`, {
    imm: (f) => signed(f.imm19!, 19) * 4,
    asm: (f, pc) => `ldr ${letter}${f.Vt}, 0x${BigInt.asUintN(64, pc + BigInt(signed(f.imm19!, 19) * 4)).toString(16)}`,
    run: (s) => s.setV('Vt', s.loadV(s.pc().add(s.imm()), bytes)),
  });
}

const pairModes = [
  ['no allocate', '000', '[<Xn|SP>, #<imm>]'],
  ['post-index', '001', '[<Xn|SP>], #<imm>'],
  ['signed offset', '010', '[<Xn|SP>, #<imm>]'],
  ['pre-index', '011', '[<Xn|SP>, #<imm>]!'],
] as const;
for (const [opc, letter, bytes] of [
  ['00', 's', 4],
  ['01', 'd', 8],
  ['10', 'q', 16],
] as const) {
  const imm = (f: Fields): number => signed(f.imm7!, 7) * bytes;
  for (const [mode, bits, where] of pairModes) {
    const n = mode === 'no allocate' ? 'n' : '';
    const addresses = (s: Sem): { address: Val; after: () => void } => {
      const base = s.x('Rn');
      const moved = base.add(s.imm());
      return {
        address: mode === 'post-index' ? base : moved,
        after: () => {
          if (mode === 'post-index' || mode === 'pre-index') s.setX('Rn', moved);
        },
      };
    };
    group.insn(`LD${n.toUpperCase()}P (SIMD&FP, ${mode})`, `${opc} 101 1 ${bits} 1 imm7:7 Vt2:w Rn:s Vt:w`, {
      imm,
      asm: text(`ld${n}p ${letter}<Vt>, ${letter}<Vt2>, ${where}`, { imm }),
      run: (s) => {
        const { address, after } = addresses(s);
        const [first, second] = loadParts(s, address, [bytes, bytes], bytes);
        after();
        s.setV('Vt', first!);
        s.setV('Vt2', second!);
      },
    });
    group.insn(`ST${n.toUpperCase()}P (SIMD&FP, ${mode})`, `${opc} 101 1 ${bits} 0 imm7:7 Vt2 Rn:s Vt`, {
      imm,
      asm: text(`st${n}p ${letter}<Vt>, ${letter}<Vt2>, ${where}`, { imm }),
      run: (s) => {
        const { address, after } = addresses(s);
        storeParts(s, address, [bytes, bytes], bytes, [s.v('Vt'), s.v('Vt2')]);
        after();
      },
    });
  }
}

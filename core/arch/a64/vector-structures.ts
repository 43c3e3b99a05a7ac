/** Loads and stores of structures (C4.1.96): LD1–LD4, ST1–ST4 of multiple and of single structures, LD1R–LD4R. */
import { load, store } from '../../wasm/build.ts';
import { type Bytes, op, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { extractElement, LANES, lowHalf, replaceElement } from './simd-common.ts';
import { arrangement, letterOf, list, text } from './simd-text.ts';
import { deinterleave, interleave } from './vector-interleave.ts';
import { loadParts, storeParts } from './vector-memory.ts';

export const group = new Group('loads and stores of structures', { fp: true, spBase: true });

/** The three ways to address: bits before and after `L`, how they are written, and what is added to the base. */
interface Mode {
  readonly post: '0' | '1';
  /** Five bits after the one that follows L. */
  readonly m: string;
  readonly text: string;
  readonly step: 'none' | 'size' | 'register';
}
const modes: readonly Mode[] = [
  { post: '0', m: '00000', text: '[<Xn|SP>]', step: 'none' },
  { post: '1', m: '11111', text: '[<Xn|SP>], #<bytes>', step: 'size' },
  { post: '1', m: 'Rm', text: '[<Xn|SP>], x<Rm>', step: 'register' },
];
function writeBack(s: Sem, mode: Mode, base: Val, bytes: number): void {
  if (mode.step === 'size') s.setX('Rn', base.add(bytes));
  else if (mode.step === 'register') s.setX('Rn', base.add(s.x('Rm')));
}

// Multiple structures: elements of all registers, interleaved or register after register.
for (const [count, interleaved, opcode] of [
  [4, true, '0000'],
  [4, false, '0010'],
  [3, true, '0100'],
  [3, false, '0110'],
  [1, false, '0111'],
  [2, true, '1000'],
  [2, false, '1010'],
] as const) {
  for (const mode of modes) {
    const n = interleaved ? count : 1;
    const own = {
      list: (f: Fields) => list(f.Vt!, count, arrangement(f.size!, f.Q!)),
      bytes: (f: Fields) => count * (f.Q ? 16 : 8),
    };
    const where = (f: Fields): boolean => !(interleaved && f.size === 3 && !f.Q);
    const partsOf = (f: Fields): (8 | 16)[] => {
      if (!interleaved) return Array.from({ length: count }, () => (f.Q ? 16 : 8));
      const bytes = count * (f.Q ? 16 : 8);
      return [...Array.from({ length: bytes >> 4 }, (): 16 => 16), ...(bytes & 8 ? [8 as const] : [])];
    };
    const bits = (l: number): string => `0 Q 001100 ${mode.post} ${l} 0 ${mode.m} ${opcode} size:2 Rn:s Vt`;
    const element = (f: Fields): Bytes => (1 << f.size!) as Bytes;
    group.insn(`LD${n} (multiple structures)`, `${bits(1)}:w`, {
      where,
      asm: text(`ld${n} <list>, ${mode.text}`, own),
      run: (s, f) => {
        const base = s.x('Rn');
        const parts = loadParts(s, base, partsOf(f), element(f));
        const values = interleaved ? deinterleave(parts, count, f.size!, f.Q!) : parts;
        writeBack(s, mode, base, own.bytes(f));
        values.forEach((v, k) => {
          s.setVPlus('Vt', k, v);
        });
      },
    });
    group.insn(`ST${n} (multiple structures)`, bits(0), {
      where,
      asm: text(`st${n} <list>, ${mode.text}`, own),
      run: (s, f) => {
        const base = s.x('Rn');
        const values = Array.from({ length: count }, (_, k) => s.vPlus('Vt', k));
        const parts = interleaved ? interleave(values, f.size!, f.Q!) : values;
        storeParts(s, base, partsOf(f), element(f), parts);
        writeBack(s, mode, base, own.bytes(f));
      },
    });
  }
}

// Single structures. The element's index is made of Q, S and the bits of `size` that the element's size leaves.
const elements = [
  { size: 0, opcode: '00', bits: 'immS immlow:2', index: (f: Fields) => (f.immQ! << 3) | (f.immS! << 2) | f.immlow! },
  { size: 1, opcode: '01', bits: 'immS immlow:1 0', index: (f: Fields) => (f.immQ! << 2) | (f.immS! << 1) | f.immlow! },
  { size: 2, opcode: '10', bits: 'immS 00', index: (f: Fields) => (f.immQ! << 1) | f.immS! },
  { size: 3, opcode: '10', bits: '0 01', index: (f: Fields) => f.immQ! },
] as const;
const narrowLoad = ['i32_8u', 'i32_16u', 'i32', 'i64'] as const;
const narrowStore = ['i32_8', 'i32_16', 'i32', 'i64'] as const;

/** `count` consecutive elements, loaded as integers. */
function loadElements(s: Sem, base: Val, count: number, size: number): Val[] {
  const bytes = 1 << size;
  const at = s.loadArea(base, count * bytes, bytes as Bytes);
  return Array.from({ length: count }, (_, k) => load(narrowLoad[size]!, at, k * bytes));
}
for (let count = 1; count <= 4; count++) {
  const [r, low] = [(count - 1) & 1, (count - 1) >> 1];
  for (const mode of modes) {
    const head = (l: number, q = 'Q'): string => `0 ${q} 001101 ${mode.post} ${l} ${r} ${mode.m}`;
    for (const e of elements) {
      const own = {
        list: (f: Fields) => list(f.Vt!, count, letterOf(e.size)),
        index: e.index,
        bytes: () => count << e.size,
      };
      const bits = (l: number): string => `${head(l, 'immQ')} ${e.opcode}${low} ${e.bits} Rn:s Vt`;
      group.insn(`LD${count} (single structure)`, `${bits(1)}:w`, {
        imm: e.index,
        asm: text(`ld${count} <list>[<index>], ${mode.text}`, own),
        run: (s) => {
          const base = s.x('Rn');
          const values = loadElements(s, base, count, e.size);
          writeBack(s, mode, base, count << e.size);
          values.forEach((x, k) => {
            s.setVPlus('Vt', k, replaceElement(e.size, s.vPlus('Vt', k), s.immByte(0), x));
          });
        },
      });
      group.insn(`ST${count} (single structure)`, bits(0), {
        imm: e.index,
        asm: text(`st${count} <list>[<index>], ${mode.text}`, own),
        run: (s) => {
          const base = s.x('Rn');
          const bytes = 1 << e.size;
          const values = Array.from({ length: count }, (_, k) =>
            extractElement(e.size, s.vPlus('Vt', k), s.immByte(0)),
          );
          s.storeArea(base, count * bytes, bytes as Bytes, (at) => {
            values.forEach((x, k) => {
              store(narrowStore[e.size], at, x, k * bytes);
            });
          });
          writeBack(s, mode, base, count << e.size);
        },
      });
    }
    const own = {
      list: (f: Fields) => list(f.Vt!, count, arrangement(f.size!, f.Q!)),
      bytes: (f: Fields) => count << f.size!,
    };
    group.insn(`LD${count}R`, `${head(1)} 11${low} 0 size:2 Rn:s Vt:w`, {
      asm: text(`ld${count}r <list>, ${mode.text}`, own),
      run: (s, f) => {
        const base = s.x('Rn');
        const values = loadElements(s, base, count, f.size!);
        writeBack(s, mode, base, count << f.size!);
        values.forEach((x, k) => {
          const v = op(`${LANES[f.size!]}.splat`, x);
          s.setVPlus('Vt', k, f.Q ? v : lowHalf(v));
        });
      },
    });
  }
}

/** Advanced SIMD vector by element, integer (C4.1.97), vector and scalar. */
import type { Sem, Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { broadcast, clip, elementImm, extentOf, saturated, v2 } from './simd-common.ts';
import { multiply } from './simd-lanes.ts';
import { doublingLong, type Long, multiplyLong } from './simd-long.ts';
import { multiplyHigh, multiplyHighAccumulate } from './simd-multiply-high.ts';
import { arrangement, letterOf, text } from './simd-text.ts';
import { scalarLong } from './simd-three-different.ts';

export const group = new Group('Advanced SIMD by element', { fp: true });

type Run = (s: Sem, f: Fields, size: number, m: Val) => void;
interface Form {
  readonly feature?: string;
  readonly asm: string;
}
/** Index and register of the second source. Of 16-bit elements bit 20 belongs to the index, so only V0–V15 can be named. */
const index = (size: number, f: Fields): number =>
  size === 2 ? (f.immH! << 1) | f.immL! : (f.immH! << 2) | (f.immL! << 1) | (f.Vm! >> 4);
function define(title: string, fixed: string, opcode: string, form: Form, run: Run): void {
  for (const size of [1, 2]) {
    const own = {
      A: (f: Fields) => arrangement(size, f.Q!),
      W: () => arrangement(size + 1, 1),
      V: () => letterOf(size),
      VW: () => letterOf(size + 1),
      m: (f: Fields) => `v${size === 1 ? f.Vm! & 15 : f.Vm}.${letterOf(size)}[${index(size, f)}]`,
    };
    // Two patterns for 16 bits: as Vm stands, and with bit 20 set, when the register is 16 less.
    for (const upper of size === 1 ? [false, true] : [false]) {
      group.insn(title, `${fixed} ${size === 1 ? '01' : '10'} immL Vm ${opcode} immH 0 Vn Vd:w`, {
        ...(form.feature ? { feature: form.feature } : {}),
        ...(size === 1 ? { where: (f) => f.Vm! >= 16 === upper } : {}),
        imm: (f) => elementImm(size, index(size, f)),
        asm: text(form.asm, own),
        run: (s, f) => run(s, f, size, broadcast(s, size, upper ? s.vPlus('Vm', 16) : s.v('Vm'))),
      });
    }
  }
}
const vector = (u: number): string => `0 Q ${u} 01111`;
const scalar = (u: number): string => `01 ${u} 11111`;

for (const [name, u, opcode, fn] of [
  ['MUL', 0, '1000', (z, n, m) => multiply(z, n, m)],
  ['MLA', 1, '0000', (z, n, m, d) => v2('add', z, d(), multiply(z, n, m))],
  ['MLS', 1, '0100', (z, n, m, d) => v2('sub', z, d(), multiply(z, n, m))],
] as const satisfies readonly [string, number, string, (z: number, n: Val, m: Val, d: () => Val) => Val][]) {
  const asm = `${name.toLowerCase()} v<Vd>.<A>, v<Vn>.<A>, <m>`;
  define(`${name} (by element)`, vector(u), opcode, { asm }, (s, f, size, m) => {
    const v = fn(size, s.v('Vn'), m, () => s.v('Vd'));
    s.setV('Vd', clip(extentOf(f), size, v));
  });
}

const longs: readonly [string, number, string, Long, boolean][] = [
  ['SMLAL', 0, '0010', multiplyLong(true, 'add'), false],
  ['SMLSL', 0, '0110', multiplyLong(true, 'sub'), false],
  ['SMULL', 0, '1010', multiplyLong(true, null), false],
  ['UMLAL', 1, '0010', multiplyLong(false, 'add'), false],
  ['UMLSL', 1, '0110', multiplyLong(false, 'sub'), false],
  ['UMULL', 1, '1010', multiplyLong(false, null), false],
  ['SQDMLAL', 0, '0011', doublingLong('add'), true],
  ['SQDMLSL', 0, '0111', doublingLong('sub'), true],
  ['SQDMULL', 0, '1011', doublingLong(null), true],
];
for (const [name, u, opcode, fn, saturating] of longs) {
  const low = name.toLowerCase();
  const asm = `${low}<2> v<Vd>.<W>, v<Vn>.<A>, <m>`;
  define(`${name} (by element)`, vector(u), opcode, { asm }, (s, f, size, m) => {
    const { value, over } = fn(size, f.Q === 1, s.v('Vn'), m, () => s.v('Vd'));
    if (saturating) saturated(s, over);
    s.setV('Vd', value);
  });
  if (!saturating) continue;
  define(
    `${name} (by element, scalar)`,
    scalar(u),
    opcode,
    { asm: `${low} <VW><Vd>, <V><Vn>, <m>` },
    (s, _f, size, m) => scalarLong(s, size, fn, m),
  );
}

for (const [name, u, opcode, feature, fn] of [
  ['SQDMULH', 0, '1100', '', (z, _d, n, m) => multiplyHigh(z, n, m, false)],
  ['SQRDMULH', 0, '1101', '', (z, _d, n, m) => multiplyHigh(z, n, m, true)],
  ['SQRDMLAH', 1, '1101', 'RDM', (z, d, n, m) => multiplyHighAccumulate(z, d(), n, m, false)],
  ['SQRDMLSH', 1, '1111', 'RDM', (z, d, n, m) => multiplyHighAccumulate(z, d(), n, m, true)],
] as const satisfies readonly [
  string,
  number,
  string,
  string,
  (z: number, d: () => Val, n: Val, m: Val) => { value: Val; over: Val },
][]) {
  const low = name.toLowerCase();
  const run: Run = (s, f, size, m) => {
    const cut = (v: Val): Val => clip(extentOf(f), size, v);
    const { value, over } = fn(size, () => cut(s.v('Vd')), cut(s.v('Vn')), m);
    saturated(s, over);
    s.setV('Vd', value);
  };
  const gate = feature ? { feature } : {};
  define(`${name} (by element)`, vector(u), opcode, { ...gate, asm: `${low} v<Vd>.<A>, v<Vn>.<A>, <m>` }, run);
  define(`${name} (by element, scalar)`, scalar(u), opcode, { ...gate, asm: `${low} <V><Vd>, <V><Vn>, <m>` }, run);
}

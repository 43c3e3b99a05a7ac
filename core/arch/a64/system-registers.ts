/**
 * MRS and MSR (register), C5.1 and C6.2: one handler a register and direction, generated from the register table.
 * Encodings without an entry there, or whose feature the CPU lacks, are UNDEFINED.
 */
import { mrs, msr, readCompiles, writeCompiles } from '../registers/access.ts';
import type { Register } from '../registers/define.ts';
import { registerAt, registers } from '../registers/table.ts';
import { type Fields, Group } from './pattern.ts';

/** Encoding of the register that an instruction names, as in the table. */
const codeOf = (f: Fields): number => ((2 + f.o0!) << 14) | (f.op1! << 11) | (f.CRn! << 7) | (f.CRm! << 3) | f.op2!;

/** ISS of EC 0x18 (ESR_ELx, trapped MSR, MRS or System instruction). */
function syndrome(f: Fields, direction: 0 | 1): number {
  const [op0, rt] = [2 + f.o0!, f.Rt!];
  return (op0 << 20) | (f.op2! << 17) | (f.op1! << 14) | (f.CRn! << 10) | (rt << 5) | (f.CRm! << 1) | direction;
}

/** What the assembler calls a register. */
function nameOf(f: Fields): string {
  const r = registerAt(codeOf(f));
  if (r && !r.name.startsWith('ID_RES')) return r.name.toLowerCase();
  return `s${2 + f.o0!}_${f.op1}_c${f.CRn}_c${f.CRm}_${f.op2}`;
}

// Patterns by what their registers have in common: the features they need, whether they may be compiled, SIMD traps.
const plain = new Group('system registers');
const floating = new Group('system registers of floating point', { fp: true });

interface Kind {
  readonly features: readonly string[];
  readonly compiles: boolean;
  readonly fp: boolean;
  readonly codes: Set<number>;
}
function kinds(access: 'read' | 'write'): Kind[] {
  const all = new Map<string, Kind>();
  for (const r of registers) {
    if ((access === 'read' ? r.readEl : r.writeEl) === null) continue;
    const compiles = access === 'read' ? readCompiles(r) : writeCompiles(r);
    const key = `${r.features.join()} ${compiles} ${r.fp === true}`;
    let kind = all.get(key);
    if (!kind) {
      kind = { features: r.features, compiles, fp: r.fp === true, codes: new Set() };
      all.set(key, kind);
    }
    kind.codes.add(r.code);
  }
  return [...all.values()];
}
const known = (f: Fields): Register => registerAt(codeOf(f))!;

for (const kind of kinds('read')) {
  (kind.fp ? floating : plain).insn('MRS', '1101010100 1 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:w', {
    feature: kind.features,
    interpretOnly: !kind.compiles,
    where: (f) => kind.codes.has(codeOf(f)),
    imm: (f) => syndrome(f, 1),
    asm: (f) => `mrs ${f.Rt === 31 ? 'xzr' : `x${f.Rt}`}, ${nameOf(f)}`,
    run: (s, f) => mrs(s, known(f)),
  });
}
for (const kind of kinds('write')) {
  (kind.fp ? floating : plain).insn('MSR (register)', '1101010100 0 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt', {
    feature: kind.features,
    interpretOnly: !kind.compiles,
    where: (f) => kind.codes.has(codeOf(f)),
    imm: (f) => syndrome(f, 0),
    asm: (f) => `msr ${nameOf(f)}, ${f.Rt === 31 ? 'xzr' : `x${f.Rt}`}`,
    run: (s, f) => msr(s, known(f)),
  });
}

export const systemRegisters: readonly Group[] = [plain, floating];

/**
 * MRS and MSR (register), C5.1 and C6.2: one handler a register and direction, generated from the register table.
 * Encodings without an entry there, or whose feature the CPU lacks, are UNDEFINED.
 */
import { iff, select, unlikely } from '../control.ts';
import { mrs, msr, readCompiles, writeCompiles } from '../registers/access.ts';
import { bitSet, el2Enabled, level1, takeTrap } from '../registers/conditions.ts';
import { encode, type Register } from '../registers/define.ts';
import { registerAt, registers } from '../registers/table.ts';
import { i32, i64, type Sem } from '../semantics.ts';
import { MODE_FIELD } from '../state.ts';
import { type Fields, Group } from './pattern.ts';

/** Encoding of the register that an instruction names, as in the table. */
const codeOf = (f: Fields): number => ((2 + f.o0!) << 14) | (f.op1! << 11) | (f.CRn! << 7) | (f.CRm! << 3) | f.op2!;

/** ISS of EC 0x18 (ESR_ELx, trapped MSR, MRS or System instruction). */
function issOf(op0: number, op1: number, crn: number, crm: number, op2: number, rt: number, read: boolean): number {
  return (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (rt << 5) | (crm << 1) | (read ? 1 : 0);
}
const syndrome = (f: Fields, read: boolean): number => issOf(2 + f.o0!, f.op1!, f.CRn!, f.CRm!, f.op2!, f.Rt!, read);

/** ID registers of features that do not exist here: they have names all the same. */
const NAMED: ReadonlyMap<number, string> = new Map([
  [encode([3, 1, 0, 0, 4]), 'gmid_el1'],
  [encode([3, 1, 0, 0, 6]), 'smidr_el1'],
]);
/** What the assembler calls a register. */
function nameOf(f: Fields): string {
  const r = registerAt(codeOf(f));
  if (r && !r.name.startsWith('ID_RES')) return r.name.toLowerCase();
  return NAMED.get(codeOf(f)) ?? `s${2 + f.o0!}_${f.op1}_c${f.CRn}_c${f.CRm}_${f.op2}`;
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
    imm: (f) => syndrome(f, true),
    asm: (f) => `mrs ${f.Rt === 31 ? 'xzr' : `x${f.Rt}`}, ${nameOf(f)}`,
    run: (s, f) => mrs(s, known(f)),
  });
}
for (const kind of kinds('write')) {
  (kind.fp ? floating : plain).insn('MSR (register)', '1101010100 0 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt', {
    feature: kind.features,
    interpretOnly: !kind.compiles,
    where: (f) => kind.codes.has(codeOf(f)),
    imm: (f) => syndrome(f, false),
    asm: (f) => `msr ${nameOf(f)}, ${f.Rt === 31 ? 'xzr' : `x${f.Rt}`}`,
    run: (s, f) => msr(s, known(f)),
  });
}

// The rest of the feature ID space (D23.3.1): with FEAT_IDST a read traps to the level it is made at, EL0's to EL1 or EL2.
const isIdSpace = (f: Fields): boolean =>
  f.o0 === 1 && (f.op1 === 0 || f.op1 === 1 || f.op1 === 3) && f.CRn === 0 && f.CRm! < 8;
plain.insn('MRS, unimplemented ID register', '1101010100 1 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:w', {
  feature: 'IDST',
  interpretOnly: true,
  // As general as the patterns above, so that it comes after them: registers that the CPU has are theirs.
  where: isIdSpace,
  imm: (f) => syndrome(f, true),
  asm: (f) => `mrs ${f.Rt === 31 ? 'xzr' : `x${f.Rt}`}, ${nameOf(f)}`,
  run: (s) => {
    const el = s.mode(MODE_FIELD.el);
    takeTrap(s, select(el.eqz(), level1(s.cpu), el));
  },
});

/**
 * Space for IMPLEMENTATION DEFINED functionality: MRS, MSR with op0 = 3 and SYS, SYSL with op0 = 1, CRn 11 and 15. Named CPUs have
 * registers there that firmware touches: they read as zero and ignore writes. HCR_EL2.TIDCP traps all of it from EL1.
 */
const space = new Group('implementation defined');
/** Lowest exception level by op1. */
const LOWEST = [1, 1, 1, 1, 2, 2, 3, 3] as const;

function implementationDefined(s: Sem, op1: number, exists: boolean, read: boolean): void {
  const el = s.mode(MODE_FIELD.el);
  unlikely(el.eqz(), () => s.leaveTo('undefined'));
  iff(el.eq(1), () => {
    unlikely(bitSet(s.cpu, 'HCR_EL2', 20), () => unlikely(el2Enabled(s.cpu), () => takeTrap(s, i32(2))));
  });
  if (!exists) s.leaveTo('undefined');
  else if (LOWEST[op1]! > 1) unlikely(el.ltU(LOWEST[op1]!), () => s.leaveTo('undefined'));
  if (read) s.setX('Rt', i64(0));
}
for (const exists of [true, false]) {
  for (const [name, bits, op0, read] of [
    ['MRS', '1101010100 1 11 op1:3 1 immn 11 immm:4 immo:3 Rt:w', 3, true],
    ['MSR (register)', '1101010100 0 11 op1:3 1 immn 11 immm:4 immo:3 Rt', 3, false],
    ['SYSL', '1101010100 1 01 op1:3 1 immn 11 immm:4 immo:3 Rt:w', 1, true],
    ['SYS', '1101010100 0 01 op1:3 1 immn 11 immm:4 immo:3 Rt', 1, false],
  ] as const) {
    const crn = (f: Fields): number => 11 | (f.immn! << 2);
    space.insn(`${name}, implementation defined`, bits, {
      ...(exists ? { feature: 'IMPDEF' } : {}),
      interpretOnly: !exists,
      imm: (f) => issOf(op0, f.op1!, crn(f), f.immm!, f.immo!, f.Rt!, read),
      asm: (f) => {
        const x = f.Rt === 31 ? 'xzr' : `x${f.Rt}`;
        const register = `s${op0}_${f.op1}_c${crn(f)}_c${f.immm}_${f.immo}`;
        if (op0 === 3) return read ? `mrs ${x}, ${register}` : `msr ${register}, ${x}`;
        const call = `#${f.op1}, c${crn(f)}, c${f.immm}, #${f.immo}`;
        return read ? `sysl ${x}, ${call}` : `sys ${call}${f.Rt === 31 ? '' : `, ${x}`}`;
      },
      run: (s, f) => implementationDefined(s, f.op1!, exists, read),
    });
  }
}

export const systemRegisters: readonly Group[] = [plain, floating, space];

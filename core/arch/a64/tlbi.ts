/** TLB maintenance (C5.5): TLBI, with the broadcast, range and nXS forms. */
import { i32, i64 } from '../semantics.ts';
import { EL1_OPERATION, LAST_LEVEL, NO_FGT, packTlbi, SCOPE } from '../translation/maintenance.ts';
import { TLBI } from '../translation/tlbi.ts';
import { Group } from './pattern.ts';

export const group = new Group('TLB maintenance');

/** A trapped system instruction's ISS (op0 = 1), without Rt. */
const iss = (op1: number, crn: number, crm: number, op2: number): number =>
  (1 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (crm << 1);
const bin = (v: number, width: number): string => v.toString(2).padStart(width, '0');

interface Form {
  readonly crm: number;
  readonly suffix: '' | 'IS' | 'OS';
}
/** CRm of the three scopes: by address and all, by range. */
const plain: readonly Form[] = [
  { crm: 7, suffix: '' },
  { crm: 3, suffix: 'IS' },
  { crm: 1, suffix: 'OS' },
];
const ranged: readonly Form[] = [
  { crm: 6, suffix: '' },
  { crm: 2, suffix: 'IS' },
  { crm: 5, suffix: 'OS' },
];

function insn(
  name: string,
  op1: number,
  crm: number,
  op2: number,
  what: number,
  o: { readonly operand: boolean; readonly features: readonly string[] },
): void {
  for (const nxs of [false, true]) {
    const crn = nxs ? 9 : 8;
    const full = nxs ? `${name}nXS` : name;
    group.insn(`TLBI ${full}`, `1101010100 0 01 ${bin(op1, 3)} ${bin(crn, 4)} ${bin(crm, 4)} ${bin(op2, 3)} Rt`, {
      feature: nxs ? [...o.features, 'XS'] : o.features,
      interpretOnly: true,
      imm: (f) => iss(op1, crn, crm, op2) | (f.Rt! << 5),
      asm: `tlbi ${full.toLowerCase()}${o.operand ? ', <Xt>' : ''}`,
      run: (s) => s.leaveTo('tlbi', i32(what), s.imm32(), o.operand ? s.x('Rt') : i64(0)),
    });
  }
}
const scopeOf = (suffix: string): number => (suffix === '' ? SCOPE.local : suffix === 'IS' ? SCOPE.inner : SCOPE.outer);

/** A family in the three scopes. `fgt`: HFGITR_EL2 bits of its forms (none, IS, OS). */
function family(
  name: string,
  op1: 0 | 4 | 6,
  forms: readonly Form[],
  op2: number,
  kind: number,
  fgt: readonly number[] = [],
  extra = 0,
): void {
  const level = op1 === 0 ? 1 : op1 === 4 ? 2 : 3;
  const byRange = forms === ranged;
  const operand = kind >= TLBI.asid;
  forms.forEach(({ crm, suffix }, i) => {
    const features = [
      ...(suffix === 'OS' ? ['TLBIOS'] : []),
      ...(byRange ? ['TLBIRANGE'] : []),
      ...(op1 === 4 ? ['EL2'] : op1 === 6 ? ['EL3'] : []),
    ];
    const what = packTlbi(kind, level, scopeOf(suffix), fgt[i] ?? NO_FGT) | extra;
    insn(`${name}${suffix}`, op1, crm, op2, what, { operand, features });
  });
}

family('VMALLE1', 0, plain, 0, TLBI.vmid, [42, 28, 18]);
family('VAE1', 0, plain, 1, TLBI.va, [43, 29, 19]);
family('ASIDE1', 0, plain, 2, TLBI.asid, [44, 30, 20]);
family('VAAE1', 0, plain, 3, TLBI.vaAll, [45, 31, 21]);
family('VALE1', 0, plain, 5, TLBI.va, [46, 32, 22], LAST_LEVEL);
family('VAALE1', 0, plain, 7, TLBI.vaAll, [47, 33, 23], LAST_LEVEL);
family('RVAE1', 0, ranged, 1, TLBI.range, [38, 34, 24]);
family('RVAAE1', 0, ranged, 3, TLBI.rangeAll, [39, 35, 25]);
family('RVALE1', 0, ranged, 5, TLBI.range, [40, 36, 26], LAST_LEVEL);
family('RVAALE1', 0, ranged, 7, TLBI.rangeAll, [41, 37, 27], LAST_LEVEL);

family('ALLE2', 4, plain, 0, TLBI.all);
family('VAE2', 4, plain, 1, TLBI.va);
family('ALLE1', 4, plain, 4, TLBI.all, [], EL1_OPERATION);
family('VALE2', 4, plain, 5, TLBI.va, [], LAST_LEVEL);
family('VMALLS12E1', 4, plain, 6, TLBI.vmid, [], EL1_OPERATION);
family('RVAE2', 4, ranged, 1, TLBI.range);
family('RVALE2', 4, ranged, 5, TLBI.range, [], LAST_LEVEL);

family('ALLE3', 6, plain, 0, TLBI.all);
family('VAE3', 6, plain, 1, TLBI.va);
family('VALE3', 6, plain, 5, TLBI.va, [], LAST_LEVEL);
family('RVAE3', 6, ranged, 1, TLBI.range);
family('RVALE3', 6, ranged, 5, TLBI.range, [], LAST_LEVEL);

// By granule (FEAT_RME), of EL3 alone.
for (const [name, crm, op2, kind, scope] of [
  ['PAALL', 7, 4, TLBI.granules, SCOPE.local],
  ['PAALLOS', 1, 4, TLBI.granules, SCOPE.outer],
  ['RPAOS', 4, 3, TLBI.granuleRange, SCOPE.outer],
  ['RPALOS', 4, 7, TLBI.granuleRange, SCOPE.outer],
] as const) {
  const operand = kind === TLBI.granuleRange;
  group.insn(`TLBI ${name}`, `1101010100 0 01 110 1000 ${bin(crm, 4)} ${bin(op2, 3)} Rt`, {
    feature: ['RME'],
    interpretOnly: true,
    asm: `tlbi ${name.toLowerCase()}${operand ? ', <Xt>' : ''}`,
    run: (s) => s.leaveTo('tlbiGranules', i32(kind), i32(scope), operand ? s.x('Rt') : i64(0)),
  });
}

// Stage 2 by IPA has places of its own.
for (const [name, kind, features, places] of [
  ['IPAS2E1', TLBI.ipa, [], { '': [4, 1], IS: [0, 1], OS: [4, 0] }],
  ['RIPAS2E1', TLBI.ipaRange, ['TLBIRANGE'], { '': [4, 2], IS: [0, 2], OS: [4, 3] }],
  ['IPAS2LE1', TLBI.ipa, [], { '': [4, 5], IS: [0, 5], OS: [4, 4] }],
  ['RIPAS2LE1', TLBI.ipaRange, ['TLBIRANGE'], { '': [4, 6], IS: [0, 6], OS: [4, 7] }],
] as const) {
  for (const suffix of ['', 'IS', 'OS'] as const) {
    const [crm, op2] = places[suffix];
    const what = packTlbi(kind, 2, scopeOf(suffix), NO_FGT);
    const needs = ['EL2', ...features, ...(suffix === 'OS' ? ['TLBIOS'] : [])];
    insn(`${name}${suffix}`, 4, crm, op2, what, { operand: true, features: needs });
  }
}

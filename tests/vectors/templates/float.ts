/** Floating point: scalar arithmetic by hand (it proved the rig: styles, rounding modes, FPSR), the rest from the table. */

import * as byElement from '../../../core/arch/a64/fp-by-element.ts';
import * as compare from '../../../core/arch/a64/fp-compare.ts';
import * as complex from '../../../core/arch/a64/fp-complex.ts';
import * as convert from '../../../core/arch/a64/fp-convert.ts';
import * as scalar from '../../../core/arch/a64/fp-scalar.ts';
import * as threeSame from '../../../core/arch/a64/fp-three-same.ts';
import * as twoReg from '../../../core/arch/a64/fp-two-reg.ts';
import * as vectorConvert from '../../../core/arch/a64/fp-vector-convert.ts';
import * as widening from '../../../core/arch/a64/fp-widening.ts';
import { fieldsOf, type Pattern } from '../../../core/arch/a64/pattern.ts';
import { templatesFrom } from '../from-table.ts';
import { fromPattern, type Template } from '../template.ts';
import type { Style } from '../values.ts';

const group = 'float-scalar';
const kinds = {
  d: ['Rd', 'v'],
  n: ['Rn', 'v'],
  m: ['Rm', 'v'],
  a: ['Ra', 'v'],
} as const;
const general = { ...kinds, d: ['Rd', 'x'] } as const;
const fromGeneral = { ...kinds, n: ['Rn', 'x'] } as const;

const formats: [string, string, Style][] = [
  ['half', '11', 'half'],
  ['single', '00', 'single'],
  ['double', '01', 'double'],
];

/** Opcodes of one source: FMOV, FABS, FNEG, FSQRT, then FRINTN to FRINTI but for the one that is not there. */
const oneSource = [0, 1, 2, 3, 8, 9, 10, 11, 12, 14, 15].map((opcode) => opcode.toString(2).padStart(6, '0'));
const twoSource = ['FMUL', 'FDIV', 'FADD', 'FSUB', 'FMAX', 'FMIN', 'FMAXNM', 'FMINNM', 'FNMUL'];

const scalarTemplates: Template[] = formats.flatMap(([name, type, style]): Template[] => {
  const rest = { style, rounding: true };
  return [
    ...twoSource.map((operation, opcode) =>
      fromPattern(
        `${operation} (${name})`,
        group,
        `00011110${type}1 mmmmm ${opcode.toString(2).padStart(4, '0')}10 nnnnn ddddd`,
        {
          kinds,
          ...rest,
        },
      ),
    ),
    ...oneSource.map((opcode) =>
      fromPattern(`one source ${opcode} (${name})`, group, `00011110${type}1 ${opcode} 10000 nnnnn ddddd`, {
        kinds,
        ...rest,
      }),
    ),
    fromPattern(`FMADD/FMSUB (${name})`, group, `00011111${type}0 mmmmm o aaaaa nnnnn ddddd`, { kinds, ...rest }),
    fromPattern(`FNMADD/FNMSUB (${name})`, group, `00011111${type}1 mmmmm o aaaaa nnnnn ddddd`, { kinds, ...rest }),
    fromPattern(`FCMP/FCMPE (${name})`, group, `00011110${type}1 mmmmm 001000 nnnnn ez000`, { kinds, ...rest }),
    fromPattern(`FCCMP/FCCMPE (${name})`, group, `00011110${type}1 mmmmm cccc 01 nnnnn e ffff`, { kinds, ...rest }),
    fromPattern(`FCSEL (${name})`, group, `00011110${type}1 mmmmm cccc 11 nnnnn ddddd`, { kinds, ...rest }),
    fromPattern(`FCVT*S/U to general (${name})`, group, `s0011110${type}1 rr00k 000000 nnnnn ddddd`, {
      kinds: general,
      ...rest,
    }),
    fromPattern(`FCVTAS/FCVTAU (${name})`, group, `s0011110${type}1 0010k 000000 nnnnn ddddd`, {
      kinds: general,
      ...rest,
    }),
    fromPattern(`SCVTF/UCVTF (${name})`, group, `s0011110${type}1 0001k 000000 nnnnn ddddd`, {
      kinds: fromGeneral,
      ...rest,
    }),
    ...formats
      .filter(([to]) => to !== name)
      .map(([to, bits]) =>
        fromPattern(`FCVT ${name} to ${to}`, group, `00011110${type}1 0001${bits} 10000 nnnnn ddddd`, {
          kinds,
          ...rest,
        }),
      ),
  ];
});

/** Lanes like the first source's: its letter in the assembly text. */
function styleOf(pattern: Pattern): Style {
  if (/^(U?RECPE|URSQRTE|[SU]CVTF)/.test(pattern.name)) return 'integer';
  if (/^BF(?!CVT)/.test(pattern.name)) return 'bfloat';
  const asm =
    typeof pattern.asm === 'function' ? pattern.asm(fieldsOf(pattern, pattern.value), 0n) : (pattern.asm ?? '');
  const [, first = '', second = ''] = /^\S+ ([^,]+)(?:, ([^,]+))?/.exec(asm) ?? [];
  const letter = /^<?(?:V\w|v\d+)?\.?\d*([HSDhsd])/.exec(second || first)?.[1]?.toLowerCase();
  return letter === 'h' ? 'half' : letter === 's' ? 'single' : letter === 'd' ? 'double' : 'integer';
}
const fromTable = (pattern: Pattern) => ({ style: styleOf(pattern), rounding: true });

export const floatTemplates: Template[] = [
  ...scalarTemplates,
  ...templatesFrom(threeSame.group, 'float-three-same', fromTable),
  ...templatesFrom(twoReg.group, 'float-two-reg', fromTable),
  ...templatesFrom(byElement.group, 'float-by-element', fromTable),
  ...templatesFrom(vectorConvert.group, 'float-vector-convert', fromTable),
  ...templatesFrom(complex.group, 'float-complex', fromTable),
  ...templatesFrom(widening.group, 'float-widening', fromTable),
  ...templatesFrom(scalar.group, 'float-scalar-other', fromTable, ({ name }) => name.startsWith('FRINT')),
  ...templatesFrom(convert.group, 'float-scalar-other', fromTable, ({ name }) => !name.startsWith('FCVT (')),
  ...templatesFrom(compare.group, 'float-scalar-other', fromTable, ({ name }) => name.endsWith('(zero)')),
];

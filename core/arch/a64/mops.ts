/** Memory copy and memory set (C4.1.96, FEAT_MOPS): prologue, main and epilogue instructions, see `../mops.ts`. */
import { MOPS } from '../mops.ts';
import { i32 } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('memory copy and set');

const STAGES = ['P', 'M', 'E'] as const;
/** Three different registers, none of them 31; the value of a set may be XZR. Anything else is UNDEFINED. */
const distinct = (f: Fields): boolean => f.Rs !== f.Rn && f.Rs !== f.Rd && f.Rn !== f.Rd && f.Rn !== 31 && f.Rd !== 31;

const COPY_OPTIONS = [
  '',
  'WT',
  'RT',
  'T',
  'WN',
  'WTWN',
  'RTWN',
  'TWN',
  'RN',
  'WTRN',
  'RTRN',
  'TRN',
  'N',
  'WTN',
  'RTN',
  'TN',
];
for (const [name, o0, always] of [
  ['CPYF', '0', MOPS.forwardOnly],
  ['CPY', '1', 0],
] as const) {
  STAGES.forEach((stage, number) => {
    COPY_OPTIONS.forEach((suffix, options) => {
      const title = `${name}${stage}${suffix}`;
      const op1 = number.toString(2).padStart(2, '0');
      const kind = options | always | (stage === 'E' ? MOPS.epilogue : 0);
      group.insn(title, `00 011 ${o0} 01 ${op1} 0 Rs ${options.toString(2).padStart(4, '0')} 01 Rn Rd`, {
        feature: 'MOPS',
        interpretOnly: true,
        where: (f) => distinct(f) && f.Rs !== 31,
        asm: `${title.toLowerCase()} [<Xd>]!, [<Xs>]!, <Xn>!`,
        run: (s) => s.leaveTo(stage === 'P' ? 'copyPrologue' : 'copyMore', i32(kind)),
      });
    });
  });
}

STAGES.forEach((stage, number) => {
  ['', 'T', 'N', 'TN'].forEach((suffix, options) => {
    const title = `SET${stage}${suffix}`;
    const op2 = ((number << 2) | options).toString(2).padStart(4, '0');
    const kind = options | (stage === 'E' ? MOPS.epilogue : 0);
    group.insn(title, `00 011 0 01 11 0 Rs ${op2} 01 Rn Rd`, {
      feature: 'MOPS',
      interpretOnly: true,
      where: distinct,
      asm: `${title.toLowerCase()} [<Xd>]!, <Xn>!, <Xs>`,
      run: (s) => s.leaveTo(stage === 'P' ? 'setPrologue' : 'setMore', i32(kind)),
    });
  });
});

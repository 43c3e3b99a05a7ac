/** Cryptographic AES (C4.1.96.1), PMULL on doublewords, SM4. */
import { invMixColumns, invShiftRows, mixColumns, shiftRows } from '../crypto/aes.ts';
import { word64, xor } from '../crypto/lanes.ts';
import { Group } from './pattern.ts';

export const group = new Group('cryptographic: ciphers', { fp: true });

group.insn('AESE', '01001110 00 10100 00100 10 Vn Vd:x', {
  feature: 'AES',
  asm: 'aese <Vd.16B>, <Vn.16B>',
  run: (s) => s.setV('Vd', s.helper('aesSubBytes', shiftRows(xor(s.v('Vd'), s.v('Vn'))))),
});
group.insn('AESD', '01001110 00 10100 00101 10 Vn Vd:x', {
  feature: 'AES',
  asm: 'aesd <Vd.16B>, <Vn.16B>',
  run: (s) => s.setV('Vd', s.helper('aesInvSubBytes', invShiftRows(xor(s.v('Vd'), s.v('Vn'))))),
});
group.insn('AESMC', '01001110 00 10100 00110 10 Vn Vd:w', {
  feature: 'AES',
  asm: 'aesmc <Vd.16B>, <Vn.16B>',
  run: (s) => s.setV('Vd', mixColumns(s.v('Vn'))),
});
group.insn('AESIMC', '01001110 00 10100 00111 10 Vn Vd:w', {
  feature: 'AES',
  asm: 'aesimc <Vd.16B>, <Vn.16B>',
  run: (s) => s.setV('Vd', invMixColumns(s.v('Vn'))),
});

for (const half of [0, 1] as const) {
  const name = half ? 'PMULL2' : 'PMULL';
  group.insn(`${name} (1Q)`, `0 ${half} 001110 11 1 Vm 1110 00 Vn Vd:w`, {
    feature: 'PMULL',
    asm: `${name.toLowerCase()} <Vd.1Q>, <Vn.${half + 1}D>, <Vm.${half + 1}D>`,
    run: (s) => s.setV('Vd', s.helper('carrylessProduct', word64(s.v('Vn'), half), word64(s.v('Vm'), half))),
  });
}

group.insn('SM4E', '11001110 11 000000 1000 01 Vn Vd:x', {
  feature: 'SM4',
  asm: 'sm4e <Vd.4S>, <Vn.4S>',
  run: (s) => s.setV('Vd', s.helper('sm4Encrypt', s.v('Vd'), s.v('Vn'))),
});
group.insn('SM4EKEY', '11001110 011 Vm 1 1 00 10 Vn Vd:w', {
  feature: 'SM4',
  asm: 'sm4ekey <Vd.4S>, <Vn.4S>, <Vm.4S>',
  run: (s) => s.setV('Vd', s.helper('sm4Key', s.v('Vn'), s.v('Vm'))),
});

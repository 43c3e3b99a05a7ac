/** Cryptographic hashes: SHA-1, SHA-256 (C4.1.96.2, .3), SHA-512, SHA-3 and SM3 (C4.1.96 "Cryptographic three-register…"). */

import { lane } from '../../wasm/value.ts';
import { only32, pick32, pick64, rotate32, rotate64, word32, xor } from '../crypto/lanes.ts';
import { i32, op, type Val } from '../semantics.ts';
import { Group } from './pattern.ts';

export const group = new Group('cryptographic: hashes', { fp: true });

const zero = (): Val => op('i32x4.splat', i32(0));
const shr32 = (v: Val, n: number): Val => op('i32x4.shr_u', v, i32(n));
const shr64 = (v: Val, n: number): Val => op('i64x2.shr_u', v, i32(n));
const add32 = (a: Val, b: Val): Val => op('i32x4.add', a, b);
const add64 = (a: Val, b: Val): Val => op('i64x2.add', a, b);

// SHA-1.
for (const [letter, opcode, helper] of [
  ['C', '000', 'sha1Choose'],
  ['P', '001', 'sha1Parity'],
  ['M', '010', 'sha1Majority'],
] as const) {
  group.insn(`SHA1${letter}`, `01011110 00 0 Vm 0 ${opcode} 00 Vn Vd:x`, {
    feature: 'SHA1',
    asm: `sha1${letter.toLowerCase()} <Qd>, <Sn>, <Vm.4S>`,
    run: (s) => s.setV('Vd', s.helper(helper, s.v('Vd'), word32(s.v('Vn'), 0), s.v('Vm'))),
  });
}
group.insn('SHA1H', '01011110 00 10100 00000 10 Vn Vd:w', {
  feature: 'SHA1',
  asm: 'sha1h <Sd>, <Sn>',
  run: (s) => s.setV('Vd', only32(0, word32(s.v('Vn'), 0).rotl(30))),
});
group.insn('SHA1SU0', '01011110 00 0 Vm 0 011 00 Vn Vd:x', {
  feature: 'SHA1',
  asm: 'sha1su0 <Vd.4S>, <Vn.4S>, <Vm.4S>',
  run: (s) => {
    const d = s.v('Vd');
    s.setV('Vd', xor(pick64(d, s.v('Vn'), 1, 2), d, s.v('Vm')));
  },
});
group.insn('SHA1SU1', '01011110 00 10100 00001 10 Vn Vd:x', {
  feature: 'SHA1',
  asm: 'sha1su1 <Vd.4S>, <Vn.4S>',
  run: (s) => {
    const t = rotate32(xor(s.v('Vd'), pick32(s.v('Vn'), zero(), 1, 2, 3, 4)), 1);
    s.setV('Vd', xor(t, only32(3, word32(t, 0).rotl(1))));
  },
});

// SHA-256.
group.insn('SHA256H', '01011110 00 0 Vm 0 100 00 Vn Vd:x', {
  feature: 'SHA256',
  asm: 'sha256h <Qd>, <Qn>, <Vm.4S>',
  run: (s) => s.setV('Vd', s.helper('sha256Low', s.v('Vd'), s.v('Vn'), s.v('Vm'))),
});
group.insn('SHA256H2', '01011110 00 0 Vm 0 101 00 Vn Vd:x', {
  feature: 'SHA256',
  asm: 'sha256h2 <Qd>, <Qn>, <Vm.4S>',
  run: (s) => s.setV('Vd', s.helper('sha256High', s.v('Vn'), s.v('Vd'), s.v('Vm'))),
});
group.insn('SHA256SU0', '01011110 00 10100 00010 10 Vn Vd:x', {
  feature: 'SHA256',
  asm: 'sha256su0 <Vd.4S>, <Vn.4S>',
  run: (s) => {
    const d = s.v('Vd');
    const t = pick32(d, s.v('Vn'), 1, 2, 3, 4);
    s.setV('Vd', add32(d, xor(rotate32(t, 25), rotate32(t, 14), shr32(t, 3))));
  },
});
group.insn('SHA256SU1', '01011110 00 0 Vm 0 110 00 Vn Vd:x', {
  feature: 'SHA256',
  asm: 'sha256su1 <Vd.4S>, <Vn.4S>, <Vm.4S>',
  run: (s) => {
    const m = s.v('Vm');
    const sigma = (v: Val): Val => xor(rotate32(v, 15), rotate32(v, 13), shr32(v, 10));
    const base = add32(s.v('Vd'), pick32(s.v('Vn'), m, 1, 2, 3, 4));
    // Each sigma of two words; the upper two results depend on the lower two.
    const low = add32(base, sigma(pick32(m, zero(), 2, 3, 4, 4)));
    const high = add32(base, sigma(pick32(zero(), low, 0, 0, 4, 5)));
    s.setV('Vd', pick64(low, high, 0, 3));
  },
});

// SHA-512.
for (const [name, opcode, helper] of [
  ['SHA512H', '00', 'sha512Part1'],
  ['SHA512H2', '01', 'sha512Part2'],
] as const) {
  group.insn(name, `11001110 011 Vm 1 0 00 ${opcode} Vn Vd:x`, {
    feature: 'SHA512',
    asm: `${name.toLowerCase()} <Qd>, <Qn>, <Vm.2D>`,
    run: (s) => s.setV('Vd', s.helper(helper, s.v('Vd'), s.v('Vn'), s.v('Vm'))),
  });
}
group.insn('SHA512SU0', '11001110 11 000000 1000 00 Vn Vd:x', {
  feature: 'SHA512',
  asm: 'sha512su0 <Vd.2D>, <Vn.2D>',
  run: (s) => {
    const d = s.v('Vd');
    const t = pick64(d, s.v('Vn'), 1, 2);
    s.setV('Vd', add64(d, xor(rotate64(t, 63), rotate64(t, 56), shr64(t, 7))));
  },
});
group.insn('SHA512SU1', '11001110 011 Vm 1 0 00 10 Vn Vd:x', {
  feature: 'SHA512',
  asm: 'sha512su1 <Vd.2D>, <Vn.2D>, <Vm.2D>',
  run: (s) => {
    const n = s.v('Vn');
    const sigma = xor(rotate64(n, 45), rotate64(n, 3), shr64(n, 6));
    s.setV('Vd', add64(add64(s.v('Vd'), sigma), s.v('Vm')));
  },
});

// SHA-3.
group.insn('EOR3', '11001110 000 Vm 0 Va Vn Vd:w', {
  feature: 'SHA3',
  asm: 'eor3 <Vd.16B>, <Vn.16B>, <Vm.16B>, <Va.16B>',
  run: (s) => s.setV('Vd', xor(s.v('Vn'), s.v('Vm'), s.v('Va'))),
});
group.insn('BCAX', '11001110 001 Vm 0 Va Vn Vd:w', {
  feature: 'SHA3',
  asm: 'bcax <Vd.16B>, <Vn.16B>, <Vm.16B>, <Va.16B>',
  run: (s) => s.setV('Vd', xor(s.v('Vn'), op('v128.andnot', s.v('Vm'), s.v('Va')))),
});
group.insn('RAX1', '11001110 011 Vm 1 0 00 11 Vn Vd:w', {
  feature: 'SHA3',
  asm: 'rax1 <Vd.2D>, <Vn.2D>, <Vm.2D>',
  run: (s) => s.setV('Vd', xor(s.v('Vn'), rotate64(s.v('Vm'), 1))),
});
group.insn('XAR', '11001110 100 Vm imm6:6 Vn Vd:w', {
  feature: 'SHA3',
  imm: (f) => f.imm6!,
  asm: 'xar <Vd.2D>, <Vn.2D>, <Vm.2D>, #<imm6>',
  run: (s) => {
    const v = xor(s.v('Vn'), s.v('Vm'));
    // Shift counts are taken modulo 64, so that a rotation by 0 is right too.
    const n = s.immByte(0);
    s.setV('Vd', op('v128.or', op('i64x2.shr_u', v, n), op('i64x2.shl', v, i32(64).sub(n))));
  },
});

// SM3.
group.insn('SM3SS1', '11001110 010 Vm 0 Va Vn Vd:w', {
  feature: 'SM3',
  asm: 'sm3ss1 <Vd.4S>, <Vn.4S>, <Vm.4S>, <Va.4S>',
  run: (s) => {
    const top = (field: string): Val => word32(s.v(field), 3);
    s.setV('Vd', only32(3, top('Vn').rotl(12).add(top('Vm')).add(top('Va')).rotl(7)));
  },
});
for (const [name, opcode, helper] of [
  ['SM3TT1A', '00', 'sm3Round1A'],
  ['SM3TT1B', '01', 'sm3Round1B'],
  ['SM3TT2A', '10', 'sm3Round2A'],
  ['SM3TT2B', '11', 'sm3Round2B'],
] as const) {
  group.insn(name, `11001110 010 Vm 10 index:2 ${opcode} Vn Vd:x`, {
    feature: 'SM3',
    asm: `${name.toLowerCase()} <Vd.4S>, <Vn.4S>, <Vm.S>[<index>]`,
    run: (s, f) => s.setV('Vd', s.helper(helper, s.v('Vd'), s.v('Vn'), word32(s.v('Vm'), f.index!))),
  });
}
group.insn('SM3PARTW1', '11001110 011 Vm 1 1 00 00 Vn Vd:x', {
  feature: 'SM3',
  asm: 'sm3partw1 <Vd.4S>, <Vn.4S>, <Vm.4S>',
  run: (s) => {
    const spread = (v: Val): Val => v.xor(v.rotl(15)).xor(v.rotl(23));
    const base = xor(s.v('Vd'), s.v('Vn'));
    const low = xor(base, rotate32(pick32(s.v('Vm'), zero(), 1, 2, 3, 4), 15));
    const done = xor(low, rotate32(low, 15), rotate32(low, 23));
    // The top word takes in the finished lowest one.
    const top = spread(word32(base, 3).xor(word32(done, 0).rotl(15)));
    s.setV('Vd', lane('i32x4.replace_lane', done, 3, top));
  },
});
group.insn('SM3PARTW2', '11001110 011 Vm 1 1 00 01 Vn Vd:x', {
  feature: 'SM3',
  asm: 'sm3partw2 <Vd.4S>, <Vn.4S>, <Vm.4S>',
  run: (s) => {
    const t = xor(s.v('Vn'), rotate32(s.v('Vm'), 7));
    const first = word32(t, 0).rotl(15);
    s.setV('Vd', xor(s.v('Vd'), t, only32(3, first.xor(first.rotl(15)).xor(first.rotl(23)))));
  },
});

/** Load-acquire, store-release (C4.1.96): LDAR, STLR, LDLAR, STLLR, and the RCpc forms LDAPR, LDAPUR, STLUR. */
import type { Sem, Val } from '../semantics.ts';
import { WIDTHS, type Width } from './atomic-memory.ts';
import { type Fields, Group, signed } from './pattern.ts';

export const group = new Group('load-acquire, store-release', { spBase: true });

const ordered = { ordered: true } as const;
const loadTo = (s: Sem, w: Width, address: Val): void => s.setR(w.sf, 'Rt', s.load(w.read, address, w.bytes, ordered));
const storeFrom = (s: Sem, w: Width, address: Val): void =>
  s.store(w.write, address, s.r(w.sf, 'Rt'), w.bytes, ordered);

for (const w of WIDTHS) {
  const low = w.suffix.toLowerCase();
  for (const [o0, load, store, feature] of [
    ['1', 'LDAR', 'STLR', undefined],
    ['0', 'LDLAR', 'STLLR', 'LOR'],
  ] as const) {
    const needs = feature ? { feature } : {};
    group.insn(`${load}${w.suffix}`, `${w.size} 001000 1 1 0 11111 ${o0} 11111 Rn:s Rt:w`, {
      ...needs,
      asm: `${load.toLowerCase()}${low} <${w.reg}t>, [<Xn|SP>]`,
      run: (s) => loadTo(s, w, s.x('Rn')),
    });
    group.insn(`${store}${w.suffix}`, `${w.size} 001000 1 0 0 11111 ${o0} 11111 Rn:s Rt`, {
      ...needs,
      asm: `${store.toLowerCase()}${low} <${w.reg}t>, [<Xn|SP>]`,
      run: (s) => storeFrom(s, w, s.x('Rn')),
    });
  }
  group.insn(`LDAPR${w.suffix}`, `${w.size} 111 0 00 1 0 1 11111 1 100 00 Rn:s Rt:w`, {
    feature: 'LRCPC',
    asm: `ldapr${low} <${w.reg}t>, [<Xn|SP>]`,
    run: (s) => loadTo(s, w, s.x('Rn')),
  });

  const imm = (f: Fields): number => signed(f.imm9!, 9);
  group.insn(`STLUR${w.suffix}`, `${w.size} 011 0 01 00 0 imm9:9 00 Rn:s Rt`, {
    feature: 'LRCPC2',
    imm,
    asm: `stlur${low} <${w.reg}t>, [<Xn|SP>{, #<imm>}]`,
    run: (s) => storeFrom(s, w, s.x('Rn').add(s.imm())),
  });
  group.insn(`LDAPUR${w.suffix}`, `${w.size} 011 0 01 01 0 imm9:9 00 Rn:s Rt:w`, {
    feature: 'LRCPC2',
    imm,
    asm: `ldapur${low} <${w.reg}t>, [<Xn|SP>{, #<imm>}]`,
    run: (s) => loadTo(s, w, s.x('Rn').add(s.imm())),
  });
}
for (const [size, opc, name, access, bytes, sf] of [
  ['00', '10', 'LDAPURSB', 'i64_8s', 1, 1],
  ['00', '11', 'LDAPURSB', 'i32_8s', 1, 0],
  ['01', '10', 'LDAPURSH', 'i64_16s', 2, 1],
  ['01', '11', 'LDAPURSH', 'i32_16s', 2, 0],
  ['10', '10', 'LDAPURSW', 'i64_32s', 4, 1],
] as const) {
  group.insn(name, `${size} 011 0 01 ${opc} 0 imm9:9 00 Rn:s Rt:w`, {
    feature: 'LRCPC2',
    imm: (f) => signed(f.imm9!, 9),
    asm: `${name.toLowerCase()} <${sf ? 'X' : 'W'}t>, [<Xn|SP>{, #<imm>}]`,
    run: (s) => s.setR(sf, 'Rt', s.load(access, s.x('Rn').add(s.imm()), bytes, ordered)),
  });
}

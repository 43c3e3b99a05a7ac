import { describe, expect, it } from 'vitest';
import { HOT } from '../../core/engine/abi.ts';
import { Code } from './asm.ts';
import { CODE, Machine, MODES } from './machine.ts';

const PAGES = 48;
const ROUNDS = 3;
const LOOPS = HOT + 20;

/** A page of the program: a loop that gets hot, then on to the next page; the last goes back to the first, or ends. */
function pageCode(n: number): Code {
  const a = new Code();
  const name = `p${n}`;
  a.movImm(2, LOOPS)
    .label(name)
    .addImm(0, 0, n + 1)
    .eor(1, 1, 0)
    .addImm(2, 2, -1)
    .cbnz(2, name);
  if (n < PAGES - 1) a.addImm(10, 10, 0x800).addImm(10, 10, 0x800).br(10);
  else a.mov(10, 11).addImm(3, 3, -1).cbz(3, 'end').br(10).label('end').semihost();
  return a;
}
function expected(): bigint[] {
  let [x0, x1] = [0n, 0n];
  for (let r = 0; r < ROUNDS; r++) {
    for (let n = 0; n < PAGES; n++) {
      for (let k = 0; k < LOOPS; k++) {
        x0 += BigInt(n + 1);
        x1 ^= x0;
      }
    }
  }
  return [x0, x1];
}
function run(m: Machine): bigint[] {
  for (let n = 0; n < PAGES; n++) m.place(CODE + 0x1000 * n, pageCode(n));
  m.start();
  m.core.setX(3, BigInt(ROUNDS));
  m.core.setX(10, BigInt(CODE));
  m.core.setX(11, BigInt(CODE));
  return [...m.finish().x.slice(0, 2)];
}

describe('a program of more pages than there is room for', () => {
  for (const mode of MODES) {
    it(`records, ${mode}`, () => {
      const m = new Machine(mode, { recordPages: 9 });
      expect(run(m)).toEqual(expected());
      expect(m.core.space.stats.evictedPages).toBeGreaterThan(PAGES);
    });
  }
  for (const mode of ['normal', 'compiled'] as const) {
    it(`generated code, ${mode}`, () => {
      const m = new Machine(mode, { codeBytes: 4000 });
      expect(run(m)).toEqual(expected());
      const { dropped, bytes, regions } = m.core.regions!.stats;
      expect(bytes).toBeGreaterThan(8000);
      expect(regions).toBeGreaterThanOrEqual(PAGES);
      expect(dropped).toBeGreaterThan(regions / 4);
    });
  }
});

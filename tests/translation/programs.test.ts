/** Small programs behind the MMU, interpreted and compiled: what the TLB serves in compiled code is the same. */
import { describe, expect, it } from 'vitest';
import { cpuFeatures } from '../../core/arch/features.ts';
import { EXIT } from '../../core/engine/abi.ts';
import type { Mode } from '../support/bare-core.ts';
import { TranslationMachine } from './machine.ts';
import { S1 } from './tables.ts';
import { CACHE_WORD, CODE, DATA, KERNEL, USER, World } from './world.ts';

const HLT = 0xd45e_0000;
const ADD_X0_64 = 0x9101_0000;
const CMP_X0_X1 = 0xeb01_001f;
const backNe = (n: number): number => (0x5400_0001 | ((-n & 0x7ffff) << 5)) >>> 0;
const VA = 0x12_0000n;
const PLACE = Number(CODE) + 0x800;

for (const mode of ['interpreter', 'compiled', 'normal'] as const satisfies readonly Mode[]) {
  describe(mode, () => {
    const m = new TranslationMachine({ features: cpuFeatures('max'), paRange: 5, mode });
    const run = (words: readonly number[], x0: bigint, x1: bigint): void => {
      m.core.place(PLACE, [...words, HLT]);
      m.enter(1);
      m.core.setX(0, x0);
      m.core.setX(1, x1);
      m.core.pc = BigInt(PLACE);
      expect(m.core.run(100_000)).toBe(EXIT.host);
    };
    const area = (): Uint8Array => m.core.u8.subarray(m.host(DATA)!, m.host(DATA)! + 0x1_0000);

    it('clears pages line by line, cleans them, makes them code', () => {
      const w = new World(m);
      for (let i = 0n; i < 16n; i++) w.lower.map(VA + i * 0x1000n, DATA + i * 0x1000n, KERNEL);
      area().fill(0x55);
      const loop = [
        CACHE_WORD['DC ZVA'],
        CACHE_WORD['DC CIVAC'],
        CACHE_WORD['DC CVAU'],
        CACHE_WORD['IC IVAU'],
        ADD_X0_64,
      ];
      run([...loop, CMP_X0_X1, backNe(6)], VA + 0x40n, VA + 0xffc0n);
      expect(
        area()
          .subarray(0, 0x40)
          .every((b) => b === 0x55),
      ).toBe(true);
      expect(
        area()
          .subarray(0x40, 0xffc0)
          .every((b) => b === 0),
      ).toBe(true);
      expect(
        area()
          .subarray(0xffc0)
          .every((b) => b === 0x55),
      ).toBe(true);
    });
    it('stops at the line that may not be written', () => {
      const w = new World(m);
      w.lower.map(VA, DATA, KERNEL);
      w.lower.map(VA + 0x1000n, DATA + 0x1000n, KERNEL | S1.readOnly);
      area().fill(0x55);
      run([CACHE_WORD['DC ZVA'], ADD_X0_64, CMP_X0_X1, backNe(3)], VA, VA + 0x2000n);
      expect(m.core.x(0)).toBe(VA + 0x1000n);
      expect(m.get('FAR_EL1')).toBe(VA + 0x1000n);
      expect(m.get('ELR_EL1')).toBe(BigInt(PLACE));
      expect(
        area()
          .subarray(0, 0x1000)
          .every((b) => b === 0),
      ).toBe(true);
      expect(area()[0x1000]).toBe(0x55);
    });
    it('reads user memory for the kernel by LDTR alone under PAN', () => {
      const w = new World(m);
      w.lower.map(VA, DATA, USER);
      m.core.view.setBigUint64(m.host(DATA)!, 0x1122n, true);
      // MSR PAN, #1; LDTR X2, [X0]; LDR X3, [X0].
      run([0xd500419f, 0xf8400802, 0xf9400003], VA, 0n);
      expect(m.core.x(2)).toBe(0x1122n);
      expect(m.get('FAR_EL1')).toBe(VA);
      expect(m.get('ELR_EL1')).toBe(BigInt(PLACE) + 8n);
    });
  });
}

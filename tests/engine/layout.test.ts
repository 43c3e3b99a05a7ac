import { expect, it } from 'vitest';
import { TLB_BANK_BYTES } from '../../core/engine/abi.ts';
import { layoutOf } from '../../core/engine/layout.ts';

it('TLB banks of every core are aligned to their size: entries are found by the low bits of addresses', () => {
  const layout = layoutOf(32, 32, 64 << 20);
  for (let core = 0; core < 32; core++) expect(layout.banks(core) % TLB_BANK_BYTES).toBe(0);
});

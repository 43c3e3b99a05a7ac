import { test } from 'vitest';
import { registers } from '../../core/arch/registers/table.ts';
import { RegisterCore } from './support.ts';

test('every register of the table can be read and written at EL3 without an internal error', () => {
  for (const mode of ['interpreter', 'compiled'] as const) {
    const core = new RegisterCore('max', { 'x-rme': true }, mode);
    for (const r of registers) {
      for (const el of [0, 1, 2, 3]) {
        core.reset();
        core.enter(el, el === 3 ? 2 : 1);
        if (r.readEl !== null) core.mrs(r.name);
        if (r.writeEl !== null) core.msr(r.name, 0x123456789abcdef0n);
      }
    }
  }
});

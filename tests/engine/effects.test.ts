import { expect, it } from 'vitest';
import { Decoder } from '../../core/arch/a64/decoder.ts';
import { groups } from '../../core/arch/a64/table.ts';
import { archLibraries } from '../../core/arch/library.ts';
import { analyse } from '../../core/engine/decoded.ts';
import { EffectsFinder } from '../../core/engine/effects.ts';
import { Module } from '../../core/wasm/module.ts';
import { allFeatures, BareCore } from '../support/bare-core.ts';
import { MODES } from '../sweep/generate.ts';

it('the effects of an instruction are those of its shape, whatever its registers and immediates', () => {
  const { library } = new BareCore({ mode: 'interpreter', libraries: archLibraries() }).space;
  const link = library.linker(new Module({ min: 1, max: 1, shared: true }));
  const patterns = groups.flatMap((g) => g.patterns);
  const decoder = new Decoder(patterns, allFeatures());
  const shared = new EffectsFinder(link);
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed ^ (seed >>> 13)) >>> 0;
  };
  let compared = 0;
  for (const p of patterns) {
    if (p.interpretOnly) continue;
    for (let i = 0; i < 6; i++) {
      // Fields of the first word's shape, other registers and immediates: XZR and SP now and then.
      const any = ((random() & ~p.mask) | p.value) >>> 0;
      for (const word of [any, ((any & (p.mask | p.shapeMask)) | (random() & ~(p.mask | p.shapeMask))) >>> 0]) {
        const d = analyse(decoder, word);
        if (!d || d.pattern.interpretOnly) continue;
        const mode = MODES[i % MODES.length]!;
        expect({ word, ...shared.of(d, word, mode) }).toEqual({ word, ...new EffectsFinder(link).of(d, word, mode) });
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(patterns.length * 3);
});

import { ret } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32 } from '../../wasm/value.ts';
import type { TranslationFeatures } from './features.ts';
import { walkHost } from './physical.ts';

export function defineStage2(lib: Library, _f: TranslationFeatures): void {
  lib.define('descriptorHost', [I32, I64, I64, I32, I32, I32, I32], I32, (link, cpu, _va, ipa, pas) => {
    ret(walkHost(link, cpu!, ipa!, pas!));
  });
  lib.define('stage2', [I32, I64, I32, I32], I32, () => ret(i32(1)));
}

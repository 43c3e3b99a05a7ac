import type { Case } from '../vectors/executor.ts';
import { checkGroup } from './vectors.ts';

/** The register whose pointer the word signs, if it is PAC… */
function signedRegister(word: number): number | undefined {
  if ((word & 0xffffc000) >>> 0 === 0xdac10000 && ((word >>> 12) & 3) % 2 === 0) return word & 31;
  if ((word & 0xffffffbf) >>> 0 === 0xd503211f) return 17;
  if ((word & 0xffffff9f) >>> 0 === 0xd503231f) return 30;
  return undefined;
}

/**
 * TBI0 is set and TBI1 is clear here. AddPAC then takes bit 55 of every pointer for its range, as "tagged pointers are in use for
 * a regime with two TTBRs"; QEMU takes bit 63 where bit 55 is set, because that half has no tags.
 */
function mixedTags({ words, input }: Case): boolean {
  return words.some((word) => {
    const register = signedRegister(word);
    return register !== undefined && ((input.x(register) >> 55n) & 0x101n) === 1n;
  });
}

checkGroup('pauth-qarma5', mixedTags);
checkGroup('pauth-qarma3', mixedTags);

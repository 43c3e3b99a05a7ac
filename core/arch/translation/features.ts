/** What of the CPU's features matters to translation: constants when the routines are built. */

export interface TranslationFeatures {
  /** Bits of a physical address (ID_AA64MMFR0_EL1.PARange). */
  readonly paBits: number;
  readonly has: (feature: string) => boolean;
}

/** What translation needs to know of a CPU. */
export interface TranslatingCpu {
  readonly features: ReadonlySet<string>;
  readonly paRange: number;
}
const PA_BITS = [32, 36, 40, 42, 44, 48, 52];

export function translationFeatures(cpu: TranslatingCpu): TranslationFeatures {
  return { paBits: PA_BITS[cpu.paRange] ?? 48, has: (name) => cpu.features.has(name) };
}
/** A CPU that has all there is. */
export const EVERYTHING: TranslationFeatures = { paBits: 52, has: () => true };

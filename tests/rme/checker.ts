/** The granule protection check of a core that does nothing else, with the host's model beside it: they have to agree. */
import { expect } from 'vitest';
import { cpuFeatures } from '../../core/arch/features.ts';
import { ASKER_SHIFT, GRANULE } from '../../core/arch/granules/check.ts';
import { GPCSC, GPI, granuleRules } from '../../core/arch/granules/format.ts';
import { GranuleModel } from '../../core/arch/granules/model.ts';
import { translationFeatures } from '../../core/arch/translation/features.ts';
import { RAM, TranslationMachine } from '../translation/machine.ts';
import { GranuleTables, type TableShape } from './tables.ts';

/** What `check` yields for a fault of this kind, of the table's level. */
export const fault = (kind: keyof typeof GPCSC, level: number): number => GRANULE.failed | GPCSC[kind] | level;

/** `paRange`: as ID_AA64MMFR0_EL1 has it; 5 means 48 bits. */
export function granuleChecker(options: Record<string, boolean>, paRange = 5) {
  const cpu = { features: cpuFeatures('max', options), paRange };
  const m = new TranslationMachine(cpu);
  const model = new GranuleModel(
    () => ({ gpccr: m.get('GPCCR_EL3'), gptbr: m.get('GPTBR_EL3'), gpcbw: m.get('GPCBW_EL3') }),
    (a) => m.read64(BigInt(a)),
    granuleRules(translationFeatures(cpu)),
  );
  /** Result of the cores' check: 0, or GPCSC | 64. `from`: security state of who asks. */
  const check = (pa: bigint, pas: number, from = pas): number => {
    const code = m.call('granuleCheck', BigInt.asIntN(64, pa), pas | (from << ASKER_SHIFT));
    const asked = [pa.toString(16), pas, from];
    expect([...asked, model.mayAccess(pas, Number(pa), from)]).toEqual([...asked, code === 0]);
    return code;
  };
  /** Tables that are not in force yet. */
  const tables = (shape: TableShape = {}, gpi: number = GPI.any): GranuleTables => {
    m.reg('GPCCR_EL3', 0n);
    m.reg('GPCBW_EL3', 0n);
    m.call('granulesChanged');
    return new GranuleTables(m, RAM, shape, gpi);
  };
  /** Puts tables in force, with more bits of GPCCR_EL3. */
  const on = (t: GranuleTables, extra = 0n): void => {
    t.enable(extra);
    m.call('granulesChanged');
  };
  return { m, model, check, tables, on };
}

/** Registers of a paused core, what they mean, and what has changed since the last time it stood still. */
import type { Instruction, RegisterDescription, RegisterValues } from '../../core/host/api.ts';
import { messageOf } from './notices.svelte.ts';
import { workbench } from './workbench.svelte.ts';

/** Bits msb:lsb of a value. */
export const fieldOf = (value: bigint, msb: number, lsb: number): bigint =>
  (value >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n);

/** Names of the values that differ; a register that was not there before counts as changed. */
export function changedNames(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): ReadonlySet<string> {
  return new Set(Object.keys(now).filter((name) => before[name] !== now[name]));
}

/** Names in which every word of the search occurs, in the name, the title, or a field. */
export function matches(text: string, register: RegisterDescription): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [register.name, register.title, register.area, ...register.fields.map((f) => f.name)]
    .join(' ')
    .toLowerCase();
  return words.every((word) => all.includes(word));
}

class Registers {
  descriptions: readonly RegisterDescription[] = $state.raw([]);
  values: RegisterValues | null = $state.raw(null);
  changed: ReadonlySet<string> = $state.raw(new Set());
  instructions: readonly Instruction[] = $state.raw([]);
  pc = $state('0x0');
  problem = $state('');
  private shown = '';

  /** Reads a core; `again` says that it has run since. */
  async read(run: string, core: number): Promise<void> {
    const { client } = workbench;
    try {
      if (this.descriptions.length === 0)
        this.descriptions = (await client.request('registers.describe', {})).registers;
      const values = await client.request('registers.read', { run, core });
      const code = await client.request('disassemble', { run, core, address: null, before: 12, after: 28 });
      const key = `${run}/${core}`;
      const before = this.shown === key ? this.values : null;
      this.changed = before
        ? new Set([
            ...changedNames(before.general, values.general),
            ...changedNames(before.system, values.system),
            ...changedVectors(before, values),
          ])
        : new Set();
      this.shown = key;
      this.values = values;
      this.instructions = code.instructions;
      this.pc = code.pc;
      this.problem = '';
    } catch (error) {
      this.problem = messageOf(error);
    }
  }
  async write(run: string, core: number, name: string, value: bigint): Promise<void> {
    await workbench.client.request('registers.write', { run, core, name, value: `0x${value.toString(16)}` });
    await this.read(run, core);
  }
}

function changedVectors(before: RegisterValues, now: RegisterValues): string[] {
  return now.simd.flatMap((value, n) => (before.simd[n] === value ? [] : [`v${n}`]));
}

export const registers = new Registers();

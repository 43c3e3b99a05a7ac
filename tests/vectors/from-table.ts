/** Turns patterns of the instruction table into templates of test cases. */

import { fieldsOf, type Group, type Pattern } from '../../core/arch/a64/pattern.ts';
import type { Field, Template } from './template.ts';

/** What a template says beyond its bits. */
type Rest = Omit<Template, 'name' | 'group' | 'mask' | 'value' | 'fields'>;

export function templateOf(pattern: Pattern, group: string, rest: Rest = {}): Template {
  const fields = pattern.fields.map(({ name, shift, width }): Field => {
    const operand = pattern.operands.find((each) => each.name === name);
    const kind = !operand ? 'bits' : operand.vector ? 'v' : operand.role === 'sp' ? 'xsp' : 'x';
    return { name, low: shift, width, kind };
  });
  return {
    name: pattern.name,
    group,
    mask: pattern.mask,
    value: pattern.value,
    fields,
    reserved: (word) => isReserved(pattern, word),
    ...rest,
  };
}

/** Templates for all patterns of a group of the table, or those that `which` accepts; `rest` may depend on the pattern. */
export function templatesFrom(
  { patterns }: Group,
  group: string,
  rest: Rest | ((pattern: Pattern) => Rest) = {},
  which: (pattern: Pattern) => boolean = () => true,
): Template[] {
  return patterns
    .filter(which)
    .map((pattern) => templateOf(pattern, group, typeof rest === 'function' ? rest(pattern) : rest));
}

/** Does the word have this pattern's fixed bits and yet no meaning? */
function isReserved(pattern: Pattern, word: number): boolean {
  const fields = fieldsOf(pattern, word);
  return pattern.where?.(fields) === false || pattern.imm?.(fields) === null;
}

/** Assembly templates, read once for each pattern: literal text, operands, and groups that may be left out. */
import type { Pattern } from '../arch/a64/pattern.ts';
import { type Context, type Operand, operandOf, type Text } from './operands.ts';

/** Reads a template for a pattern. */
export function compileTemplate(template: string, pattern: Pattern): (c: Context) => string {
  let at = 0;
  /** Parts up to `end` or the end of the template. */
  const sequence = (end: string): Operand[] => {
    const parts: Operand[] = [];
    while (at < template.length && template[at] !== end) {
      if (template[at] === '<') {
        const close = template.indexOf('>', at);
        parts.push(operandOf(template.slice(at + 1, close), pattern));
        at = close + 1;
      } else if (template[at] === '{') {
        at++;
        parts.push(optional(sequence('}')));
        at++;
      } else {
        const rest = template.slice(at).search(/[<{}]/);
        const stop = rest < 0 ? template.length : at + Math.max(rest, 1);
        const text = template.slice(at, stop);
        at = stop;
        // Plain text neither keeps a group nor lets it go.
        parts.push(() => ({ text, absent: true }));
      }
    }
    return parts;
  };
  const parts = sequence('');
  return (c) => parts.map((p) => p(c).text).join('');
}

/** A group disappears when all that is in it may. */
function optional(parts: readonly Operand[]): Operand {
  return (c): Text => {
    const texts = parts.map((p) => p(c));
    if (texts.every((t) => t.absent)) return { text: '', absent: true };
    return { text: texts.map((t) => t.text).join(''), absent: false };
  };
}

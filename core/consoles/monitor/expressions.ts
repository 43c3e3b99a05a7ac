/** Numbers in monitor commands: C's operators over 64-bit values, and registers as `$x0`, `$pc`, `$SCTLR_EL1`. */
import type { Core } from '../../system/api.ts';

/** A mistake in a command: its message is the answer. */
export class MonitorError extends Error {}

const SHORT: Readonly<Record<string, (core: Core) => bigint>> = {
  pc: (core) => core.pc,
  sp: (core) => core.sp,
  fp: (core) => core.x(29),
  lr: (core) => core.x(30),
  pstate: (core) => core.pstate,
  cpsr: (core) => core.pstate,
};

function register(name: string, core: Core): bigint {
  const lower = name.toLowerCase();
  const short = SHORT[lower];
  if (short) return short(core);
  const general = /^([xw])(\d{1,2})$/.exec(lower);
  if (general && Number(general[2]) < 31) {
    const value = core.x(Number(general[2]));
    return general[1] === 'x' ? value : BigInt.asUintN(32, value);
  }
  const value = core.sysreg(name.toUpperCase());
  if (value === null) throw new MonitorError(`there is no register ${name}`);
  return value;
}

/** Binary operators, weakest first. */
const LEVELS: readonly Readonly<Record<string, (a: bigint, b: bigint) => bigint>>[] = [
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '<<': (a, b) => a << (b & 63n), '>>': (a, b) => a >> (b & 63n) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => quotient(a, b), '%': (a, b) => a - quotient(a, b) * b },
];
function quotient(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new MonitorError('division by zero');
  return a / b;
}

const TOKEN = /\s*(0[xX][0-9a-fA-F]+|\d+|\$[A-Za-z_]\w*|<<|>>|[-+*/%&|^~()])/y;
/** Deeper nesting is no number anybody means. */
const DEEPEST = 100;

/** The value of an expression, unsigned, 64 bits. */
export function evaluate(text: string, core: Core): bigint {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; text.slice(at).trim() !== ''; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) throw new MonitorError(`what is '${text.slice(at).trim()}'?`);
    tokens.push(match[1]!);
  }
  let at = 0;
  const wrap = (v: bigint): bigint => BigInt.asUintN(64, v);
  const unary = (depth: number): bigint => {
    const token = tokens[at++];
    if (token === undefined) throw new MonitorError('a number is missing');
    if (depth > DEEPEST) throw new MonitorError('that is nested too deeply');
    if (token === '(') {
      const value = binary(0, depth + 1);
      if (tokens[at++] !== ')') throw new MonitorError('a ) is missing');
      return value;
    }
    if (token === '-') return wrap(-unary(depth + 1));
    if (token === '+') return unary(depth + 1);
    if (token === '~') return wrap(~unary(depth + 1));
    if (token.startsWith('$')) return wrap(register(token.slice(1), core));
    if (/^\d/.test(token)) return wrap(BigInt(token));
    throw new MonitorError(`a number is missing before '${token}'`);
  };
  const binary = (level: number, depth: number): bigint => {
    const operators = LEVELS[level];
    if (!operators) return unary(depth);
    let value = binary(level + 1, depth);
    for (let apply = operators[tokens[at] ?? '']; apply; apply = operators[tokens[at] ?? '']) {
      at++;
      value = wrap(apply(value, binary(level + 1, depth)));
    }
    return value;
  };
  const value = binary(0, 0);
  if (at < tokens.length) throw new MonitorError(`what is '${tokens[at]}' there?`);
  return value;
}

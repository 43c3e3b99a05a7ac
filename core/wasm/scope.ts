/**
 * The function under construction. Building is synchronous and nests strictly, so one module-wide "current function" keeps
 * semantics free of a builder argument in every expression.
 */
import type { Ty } from './opcodes.ts';
import type { Val } from './value.ts';

/** Statements that are not values. */
export interface Stmt {
  readonly s: string;
  readonly args: readonly Val[];
  readonly k?: unknown;
  readonly blocks?: readonly Block[];
  readonly label?: Label | undefined;
  readonly labels?: readonly Label[];
}
export type Item = Val | Stmt;

/** A list of statements; `cold` ones hardly ever run and do not decide what is kept in locals. */
export interface Block {
  readonly items: Item[];
  readonly cold: boolean;
  readonly depth: number;
}
/** Branch target: the end of a block, or the start of a loop. */
export interface Label {
  readonly loop: boolean;
  used: boolean;
}

export interface FnState {
  readonly params: readonly Ty[];
  /** Types of all locals, parameters first. */
  readonly locals: Ty[];
  block: Block;
}

let current: FnState | null = null;

export function fnState(): FnState {
  if (!current) throw new Error('no function under construction');
  return current;
}
/** Runs `build` with `state` as the function under construction. */
export function within<R>(state: FnState, build: () => R): R {
  const before = current;
  current = state;
  try {
    return build();
  } finally {
    current = before;
  }
}
/** Adds a value to the current block; outside of a function (constants at module level) it just returns it. */
export function append(v: Val): Val {
  if (current) {
    v.depth = current.block.depth;
    current.block.items.push(v);
  }
  return v;
}
export function statement(s: Stmt): void {
  fnState().block.items.push(s);
}
/** Builds a nested block. */
export function nested(build: () => void, cold: boolean, deeper: boolean): Block {
  const f = fnState();
  const outer = f.block;
  const block: Block = { items: [], cold: cold || outer.cold, depth: outer.depth + (deeper ? 1 : 0) };
  f.block = block;
  try {
    build();
  } finally {
    f.block = outer;
  }
  return block;
}

/** The control-flow graph of a region: blocks, order, dominators, loops, and what may be unsaved where. */
import type { Decoded } from './decoded.ts';
import type { Effects } from './effects.ts';

/** Limits of one region, in instructions. */
const MAX_INSTRUCTIONS = 240;
/** Calls followed into, one inside the other. */
const MAX_CALLS = 3;

/** An instruction as the compiler sees it. */
export interface Instruction {
  readonly word: number;
  readonly d: Decoded;
  readonly effects: Effects;
}

export interface Registers {
  x: number;
  v: number;
  flags: boolean;
}

export class CfgBlock {
  /** Index of the first instruction in its page. */
  readonly start: number;
  readonly code: Instruction[] = [];
  /** `special`: an instruction that is only interpreted follows; `page`: the page ends; `flow`: successors as listed. */
  end: 'flow' | 'special' | 'page' = 'flow';
  /** Instruction indices control may go to, with the places that they are in the region. */
  targets: (readonly [number, number])[] = [];
  /** By instruction index: the blocks of the region that control may go to. */
  readonly successors = new Map<number, CfgBlock>();
  readonly predecessors: CfgBlock[] = [];
  /** Position in reverse postorder. */
  order = -1;
  idom: CfgBlock | null = null;
  readonly children: CfgBlock[] = [];
  merge = false;
  header = false;
  /** What may differ from memory at the end of the block. */
  dirty: Registers = { x: 0, v: 0, flags: false };
  /** A successor inside the region wants the flags in their locals. */
  flagsOut = false;
  constructor(start: number) {
    this.start = start;
  }
}

export interface Cfg {
  readonly entry: CfgBlock;
  readonly blocks: readonly CfgBlock[];
  readonly instructions: number;
  /** All registers the region touches, and all that it writes. */
  readonly used: Registers;
  readonly written: Registers;
}

/** The calls that were followed to get somewhere: the last one, and those around it. */
class Calls {
  private readonly inner = new Map<number, Calls>();
  private readonly ids: { next: number };
  readonly id: number;
  readonly depth: number;
  readonly outer: Calls | null;
  /** Index of the instruction behind the call. */
  readonly back: number;
  constructor(outer: Calls | null, back: number) {
    this.outer = outer;
    this.back = back;
    this.depth = outer ? outer.depth + 1 : 0;
    this.ids = outer ? outer.ids : { next: 0 };
    this.id = this.ids.next++;
  }
  into(back: number): Calls {
    let c = this.inner.get(back);
    if (!c) {
      c = new Calls(this, back);
      this.inner.set(back, c);
    }
    return c;
  }
}

/** A place in the region: an instruction, in the context of the calls that were followed to get there. */
interface Place {
  readonly at: number;
  readonly calls: Calls;
}
const keyOf = (p: Place): number => p.calls.id * 1024 + p.at;

/** Builds the graph from `entry` (instruction index in its page), or null when nothing there can be compiled. */
export function buildCfg(
  entry: number,
  fetch: (at: number) => Instruction | null,
  targetsSeen: (at: number) => readonly number[],
): Cfg | null {
  const code = new Map<number, Instruction | null>();
  const get = (at: number): Instruction | null => {
    let i = code.get(at);
    if (i === undefined) {
      i = fetch(at);
      code.set(at, i);
    }
    return i;
  };
  const compilable = (at: number): boolean => {
    const i = get(at);
    return i !== null && !i.d.pattern.interpretOnly;
  };
  if (!compilable(entry)) return null;

  // Leaders: breadth first, so that the limit cuts off what is far away.
  const first: Place = { at: entry, calls: new Calls(null, 0) };
  const leaders = new Map<number, Place>([[keyOf(first), first]]);
  const reached = new Set<number>();
  const work: Place[] = [first];
  while (work.length && reached.size < MAX_INSTRUCTIONS) {
    let p = work.shift()!;
    while (p.at < 1024 && !reached.has(keyOf(p)) && compilable(p.at) && reached.size < MAX_INSTRUCTIONS) {
      reached.add(keyOf(p));
      const ins = get(p.at)!;
      if (ins.d.pattern.flow) {
        for (const t of targetsOf(p, ins, targetsSeen)) {
          if (compilable(t.at) && !leaders.has(keyOf(t))) {
            leaders.set(keyOf(t), t);
            work.push(t);
          }
        }
        break;
      }
      p = { at: p.at + 1, calls: p.calls };
    }
  }
  const blocks = new Map<number, CfgBlock>();
  for (const [key, start] of leaders) {
    if (!reached.has(key)) continue;
    const b = new CfgBlock(start.at);
    let p = start;
    for (;;) {
      const ins = get(p.at)!;
      b.code.push(ins);
      if (ins.d.pattern.flow) {
        b.targets = targetsOf(p, ins, targetsSeen).map((t) => [t.at, keyOf(t)]);
        break;
      }
      p = { at: p.at + 1, calls: p.calls };
      const next = keyOf(p);
      if (p.at === 1024) {
        b.end = 'page';
        break;
      }
      if (!reached.has(next) && get(p.at) !== null && !compilable(p.at)) {
        b.end = 'special';
        break;
      }
      if (!reached.has(next) || leaders.has(next)) {
        b.targets = [[p.at, next]];
        break;
      }
    }
    blocks.set(key, b);
  }

  // Reverse postorder.
  const root = blocks.get(keyOf(first))!;
  const post: CfgBlock[] = [];
  const state = new Map<CfgBlock, 1 | 2>();
  const visit = (b: CfgBlock): void => {
    state.set(b, 1);
    for (const [, key] of b.targets) {
      const to = blocks.get(key);
      if (to && !state.has(to)) visit(to);
    }
    state.set(b, 2);
    post.push(b);
  };
  visit(root);
  const ordered = post.reverse();
  ordered.forEach((b, i) => {
    b.order = i;
  });
  for (const b of ordered) {
    for (const [at, key] of b.targets) {
      const to = blocks.get(key);
      if (to) {
        b.successors.set(at, to);
        to.predecessors.push(b);
      }
    }
  }
  dominators(ordered);
  // A backward edge into a block that does not dominate its source would make the graph irreducible: it leaves the region.
  for (const b of ordered) {
    for (const [t, to] of [...b.successors]) {
      if (to.order > b.order) continue;
      if (dominates(to, b)) to.header = true;
      else {
        b.successors.delete(t);
        to.predecessors.splice(to.predecessors.indexOf(b), 1);
      }
    }
  }
  for (const b of ordered) {
    const before = b.predecessors.filter((p) => p.order < b.order);
    b.merge = before.length > 1;
  }

  const used: Registers = { x: 0, v: 0, flags: false };
  const written: Registers = { x: 0, v: 0, flags: false };
  let instructions = 0;
  for (const b of ordered) {
    for (const { effects: e } of b.code) {
      used.x |= e.xRead | e.xWritten;
      used.v |= e.vRead | e.vWritten;
      used.flags ||= e.flagsRead || e.flagsWritten;
      written.x |= e.xWritten;
      written.v |= e.vWritten;
      written.flags ||= e.flagsWritten;
      instructions++;
    }
  }
  flow(ordered);
  return { entry: root, blocks: ordered, instructions, used, written };
}

/** Places inside the page that follow a control transfer. */
function targetsOf(p: Place, ins: Instruction, targetsSeen: (at: number) => readonly number[]): Place[] {
  const { flow } = ins.d.pattern;
  const { calls } = p;
  const inside = (at: number): Place[] => (at >= 0 && at < 1024 ? [{ at, calls }] : []);
  const target = ins.d.target === null ? [] : inside(p.at + ins.d.target / 4);
  switch (flow) {
    case 'jump':
      return target;
    case 'branch':
      return ins.d.target === 4 ? target : [...target, ...inside(p.at + 1)];
    case 'call':
      // Calls are followed into, so that the return becomes one comparison.
      if (calls.depth === MAX_CALLS || p.at + 1 >= 1024) return [];
      return target.map(({ at }) => ({ at, calls: calls.into(p.at + 1) }));
    case 'indirect':
      return targetsSeen(p.at).map((at) => ({ at, calls }));
    case 'indirectCall':
      if (calls.depth === MAX_CALLS || p.at + 1 >= 1024) return [];
      return targetsSeen(p.at).map((at) => ({ at, calls: calls.into(p.at + 1) }));
    case 'return':
      return calls.outer ? [{ at: calls.back, calls: calls.outer }] : [];
    default:
      return [];
  }
}

function dominates(a: CfgBlock, b: CfgBlock): boolean {
  let at: CfgBlock | null = b;
  while (at && at.order > a.order) at = at.idom;
  return at === a;
}

/** Immediate dominators (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm"). */
function dominators(ordered: readonly CfgBlock[]): void {
  const root = ordered[0]!;
  root.idom = root;
  const meet = (a: CfgBlock, b: CfgBlock): CfgBlock => {
    let [x, y] = [a, b];
    while (x !== y) {
      while (x.order > y.order) x = x.idom!;
      while (y.order > x.order) y = y.idom!;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const b of ordered) {
      if (b === root) continue;
      let idom: CfgBlock | null = null;
      for (const p of b.predecessors) if (p.idom) idom = idom ? meet(p, idom) : p;
      if (idom !== b.idom) {
        b.idom = idom;
        changed = true;
      }
    }
  }
  root.idom = null;
  for (const b of ordered) b.idom?.children.push(b);
}

/** Forward: what may be dirty. Backward: where flags are still wanted. */
function flow(ordered: readonly CfgBlock[]): void {
  const own = ordered.map((b) => {
    const w: Registers = { x: 0, v: 0, flags: false };
    for (const { effects: e } of b.code) {
      w.x |= e.xWritten;
      w.v |= e.vWritten;
      w.flags ||= e.flagsWritten;
    }
    return w;
  });
  for (let changed = true; changed; ) {
    changed = false;
    for (const b of ordered) {
      const d = { ...own[b.order]! };
      for (const p of b.predecessors) {
        d.x |= p.dirty.x;
        d.v |= p.dirty.v;
        d.flags ||= p.dirty.flags;
      }
      if (d.x !== b.dirty.x || d.v !== b.dirty.v || d.flags !== b.dirty.flags) {
        b.dirty = d;
        changed = true;
      }
    }
  }
  // Flags are wanted on entry where they are read, or may be left with (a side exit goes on in the interpreter), before they
  // are written. What a block writes itself its own exits compute from the operands, so exits only matter when it writes none.
  const wants = ordered.map((b) => {
    for (const { effects: e } of b.code) {
      if (e.flagsRead || e.mayLeave) return true;
      if (e.flagsWritten) return false;
    }
    const inside = [...b.successors.values()];
    const leaves = b.end !== 'flow' || inside.length < neededTargets(b) || inside.some((t) => t.order <= b.order);
    return leaves ? true : null;
  });
  const liveIn = ordered.map((b) => wants[b.order] === true);
  for (const b of ordered) b.flagsOut = false;
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = ordered.length - 1; i >= 0; i--) {
      const b = ordered[i]!;
      const out = [...b.successors.values()].some((t) => liveIn[t.order]);
      const inn = wants[i] ?? out;
      if (out !== b.flagsOut || inn !== liveIn[i]) {
        b.flagsOut = out;
        liveIn[i] = inn;
        changed = true;
      }
    }
  }
}
/** How many places control can go from here, inside or outside of the region. */
function neededTargets(b: CfgBlock): number {
  const { flow } = b.code[b.code.length - 1]!.d.pattern;
  if (flow === 'indirect' || flow === 'indirectCall') return Number.POSITIVE_INFINITY;
  return flow === 'branch' || flow === 'return' ? 2 : 1;
}

/** The control-flow graph of a region: blocks, order, dominators, loops, and what may be unsaved where. */
import type { Instruction } from './regions.ts';

/** Limits of one region, in instructions. */
const MAX_INSTRUCTIONS = 160;

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
  /** Instruction indices control may go to, and the blocks they are (absent: outside of the region). */
  targets: number[] = [];
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

/** Builds the graph from `entry` (instruction index in its page), or null when nothing there can be compiled. */
export function buildCfg(entry: number, fetch: (at: number) => Instruction | null): Cfg | null {
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
  const leaders = new Set<number>([entry]);
  const reached = new Set<number>();
  const work = [entry];
  while (work.length && reached.size < MAX_INSTRUCTIONS) {
    let at = work.shift()!;
    while (at < 1024 && !reached.has(at) && compilable(at) && reached.size < MAX_INSTRUCTIONS) {
      reached.add(at);
      const { flow } = get(at)!.d.pattern;
      if (flow) {
        for (const t of targetsOf(at, get(at)!)) {
          if (compilable(t)) {
            leaders.add(t);
            work.push(t);
          }
        }
        break;
      }
      at++;
    }
  }
  const blocks = new Map<number, CfgBlock>();
  for (const start of leaders) {
    if (!reached.has(start)) continue;
    const b = new CfgBlock(start);
    let at = start;
    for (;;) {
      const ins = get(at)!;
      b.code.push(ins);
      at++;
      if (ins.d.pattern.flow) {
        b.targets = targetsOf(at - 1, ins);
        break;
      }
      if (at === 1024) {
        b.end = 'page';
        break;
      }
      if (!reached.has(at)) {
        if (get(at) !== null && !compilable(at)) b.end = 'special';
        else b.targets = [at];
        break;
      }
      if (leaders.has(at)) {
        b.targets = [at];
        break;
      }
    }
    blocks.set(start, b);
  }

  // Reverse postorder.
  const root = blocks.get(entry)!;
  const post: CfgBlock[] = [];
  const state = new Map<CfgBlock, 1 | 2>();
  const visit = (b: CfgBlock): void => {
    state.set(b, 1);
    for (const t of b.targets) {
      const to = blocks.get(t);
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
    for (const t of b.targets) {
      const to = blocks.get(t);
      if (to) {
        b.successors.set(t, to);
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
  for (const b of ordered) b.merge = b.predecessors.filter((p) => p.order < b.order).length > 1;

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

/** Instruction indices inside the page that follow a control transfer. */
function targetsOf(at: number, ins: Instruction): number[] {
  const { flow } = ins.d.pattern;
  const inside = (t: number): number[] => (t >= 0 && t < 1024 ? [t] : []);
  const target = ins.d.target === null ? [] : inside(at + ins.d.target / 4);
  if (flow === 'jump') return target;
  if (flow === 'branch') return [...new Set([...target, ...inside(at + 1)])];
  return [];
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
/** How many places control can go from here, inside or outside of the page. */
function neededTargets(b: CfgBlock): number {
  return b.code[b.code.length - 1]!.d.pattern.flow === 'branch' ? 2 : 1;
}

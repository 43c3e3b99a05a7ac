/**
 * A translation, explained: each descriptor of stage 1 and stage 2 (VMSAv8-64, D8.2 to D8.4), the granule check, the encryption
 * context. The core has to stand still. 52-bit addresses and 128-bit descriptors are said not to be explained.
 */
import type { System } from '../system/api.ts';
import type { World } from '../system/console-tag.ts';

export interface WalkStep {
  readonly stage: 1 | 2 | 'gpt';
  readonly level: number;
  readonly address: bigint;
  readonly pas: World;
  readonly descriptor: bigint;
  readonly meaning: string;
  readonly mecid: number | null;
}
export interface ExplainedWalk {
  readonly steps: readonly WalkStep[];
  readonly output: { readonly address: bigint; readonly pas: World; readonly attributes: string } | null;
  readonly fault: string | null;
}

class Fault extends Error {}

type El = 1 | 2 | 3;
interface Regime {
  readonly el: El;
  /** Two ranges of addresses, the upper by TTBR1. */
  readonly two: boolean;
  readonly world: World;
}
/** What one stage's walk begins with. */
interface Start {
  readonly stage: 1 | 2;
  readonly base: bigint;
  readonly granuleBits: number;
  readonly inputBits: number;
  readonly level: number;
}

const bits = (value: bigint, high: number, low: number): number =>
  Number((value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
const bit = (value: bigint, n: number): boolean => ((value >> BigInt(n)) & 1n) !== 0n;
const ADDRESS = 0x0000ffffffffffffn;
const WORLD_NAMES: Readonly<Record<string, World>> = { Realm: 'realm', Secure: 'secure' };
/** By TG0 and TG1: bits of a granule. */
const TG0 = [12, 16, 14] as const;
const TG1 = [0, 14, 12, 16] as const;

export class Walker {
  private readonly system: System;
  private readonly core: number;
  private readonly steps: WalkStep[] = [];

  constructor(system: System, core: number) {
    this.system = system;
    this.core = core;
  }
  private register(name: string): bigint {
    return this.system.cores[this.core]!.sysreg(name) ?? 0n;
  }

  /** `regime`: `current`, or a name as `EL1&0`, `EL2`, `EL2&0`, `EL3`, with `Realm ` or `Secure ` in front for that state. */
  explain(address: bigint, regime: string): ExplainedWalk {
    this.steps.length = 0;
    try {
      const r = this.regimeOf(regime);
      const [ipa, pas1, attributes1] = this.stage1(r, address);
      const second = r.el === 1 && this.stage2On(r.world);
      const [out, pas, attributes2] = second ? this.stage2(r.world, ipa) : [ipa, pas1, ''];
      this.granule(out, pas);
      const attributes = [attributes1, attributes2].filter(Boolean).join('; ');
      return { steps: [...this.steps], output: { address: out, pas, attributes }, fault: null };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { steps: [...this.steps], output: null, fault: error.message };
    }
  }

  private regimeOf(name: string): Regime {
    const now = this.system.probe.level(this.core);
    const hcr = this.register('HCR_EL2');
    const e2h = bit(hcr, 34);
    if (name === 'current') {
      if (now.el === 3) return { el: 3, two: false, world: now.world };
      if (now.el === 2 || (now.el === 0 && e2h && bit(hcr, 27))) return { el: 2, two: e2h, world: now.world };
      return { el: 1, two: true, world: now.world };
    }
    const [, state, level] = /^(Realm |Secure |)(EL[123])/.exec(name) ?? [null, '', 'EL1'];
    const below = (): World => {
      const scr = this.register('SCR_EL3');
      return bit(scr, 62) ? 'realm' : bit(scr, 0) ? 'normal' : 'secure';
    };
    const el = Number(level!.slice(2)) as El;
    if (el === 3) return { el, two: false, world: this.system.probe.granules ? 'root' : 'secure' };
    const named = WORLD_NAMES[state!.trim()];
    return { el, two: el === 1 || name.endsWith('&0'), world: named ?? (now.el === 3 ? below() : now.world) };
  }

  private stage1(r: Regime, address: bigint): [bigint, World, string] {
    const suffix = `EL${r.el}`;
    if (!bit(this.register(`SCTLR_${suffix}`), 0)) return [address & ADDRESS, r.world, 'stage 1 is off'];
    const tcr = this.register(`TCR_${suffix}`);
    if (bit(tcr, r.two ? 59 : 32)) throw new Fault('52-bit addresses (TCR.DS) are not explained here');
    const upper = r.two && bit(address, 55);
    if (r.two && bit(tcr, upper ? 23 : 7))
      throw new Fault(`translation fault, level 0: walks by TTBR${upper ? 1 : 0} are off (TCR.EPD)`);
    const size = 64 - (upper ? bits(tcr, 21, 16) : bits(tcr, 5, 0));
    const granuleBits = upper ? TG1[bits(tcr, 31, 30)]! : (TG0[bits(tcr, 15, 14)] ?? 12);
    const tbi = bit(tcr, r.two ? (upper ? 38 : 37) : 20);
    const top = bits(address, tbi ? 55 : 63, size);
    const ones = 2 ** ((tbi ? 56 : 64) - size) - 1;
    if (top !== (upper ? ones : 0))
      throw new Fault(`translation fault, level 0: the address has more than ${size} bits`);
    const base = this.register(`TTBR${upper ? 1 : 0}_${suffix}`) & ADDRESS & ~1n;
    const start: Start = { stage: 1, base, granuleBits, inputBits: size, level: startLevel(size, granuleBits) };
    const [out, leaf] = this.walk(start, address, r);
    const read = (n: number): boolean => bit(leaf, n);
    const pas = this.spaceOf(r, leaf);
    const access = `${read(7) ? 'read-only' : 'read/write'}${r.two ? (read(6) ? ', EL0 too' : ', not EL0') : ''}`;
    const fetch = r.two ? `${read(53) ? 'PXN ' : ''}${read(54) ? 'UXN' : ''}`.trim() : read(54) ? 'XN' : '';
    return [out, pas, `stage 1: ${access}${fetch ? `, ${fetch}` : ''}, AttrIndx ${bits(leaf, 4, 2)}`];
  }
  /** Physical address space of a stage-1 leaf (D8.4.2): NS, and NSE at EL3. */
  private spaceOf({ el, world }: Regime, leaf: bigint): World {
    const ns = bit(leaf, 5);
    if (world === 'root')
      return (['secure', 'normal', 'root', 'realm'] as const)[(bit(leaf, 11) ? 2 : 0) | (ns ? 1 : 0)]!;
    if (world === 'secure') return ns ? 'normal' : 'secure';
    return world === 'realm' && el === 2 && ns ? 'normal' : world;
  }

  /** HCR_EL2.VM; the Secure state has it only with SCR_EL3.EEL2. */
  private stage2On(world: World): boolean {
    if (!this.system.config.machine.el2 || !bit(this.register('HCR_EL2'), 0)) return false;
    return world !== 'secure' || bit(this.register('SCR_EL3'), 18);
  }
  private stage2(world: World, ipa: bigint): [bigint, World, string] {
    const vtcr = this.register('VTCR_EL2');
    if (bit(vtcr, 32)) throw new Fault('52-bit addresses (VTCR_EL2.DS) are not explained here');
    const granuleBits = TG0[bits(vtcr, 15, 14)] ?? 12;
    const inputBits = 64 - bits(vtcr, 5, 0);
    if (ipa >> BigInt(inputBits) !== 0n)
      throw new Fault(`stage 2 translation fault, level 0: the IPA has more than ${inputBits} bits`);
    const sl0 = bits(vtcr, 7, 6);
    const level = granuleBits === 12 ? [2, 1, 0, 3][sl0]! : 3 - sl0;
    const start: Start = { stage: 2, base: this.register('VTTBR_EL2') & ADDRESS & ~1n, granuleBits, inputBits, level };
    const [out, leaf] = this.walk(start, ipa, { el: 2, two: false, world });
    const pas = world === 'realm' && bit(leaf, 55) ? 'normal' : world;
    const access = ['no access', 'read-only', 'write-only', 'read/write'][bits(leaf, 7, 6)]!;
    return [out, pas, `stage 2: ${access}, MemAttr ${bits(leaf, 5, 2)}, XN ${bits(leaf, 54, 53)}`];
  }

  /** Yields the output address and the leaf. */
  private walk(
    { stage, base, granuleBits, inputBits, level: first }: Start,
    input: bigint,
    r: Regime,
  ): [bigint, bigint] {
    const stride = granuleBits - 3;
    const name = stage === 1 ? '' : 'stage 2 ';
    let table = base;
    for (let level = first; ; level++) {
      const low = granuleBits + stride * (3 - level);
      // The first table may be larger (concatenated) or smaller than the others.
      const high = level === first ? inputBits - 1 : low + stride - 1;
      const offset = BigInt(bits(input, high, low)) << 3n;
      if (level === first) table &= ~((1n << BigInt(high - low + 4)) - 1n);
      const where = table + offset;
      // What stage 1 reads is translated, too.
      const second = stage === 1 && r.el === 1 && this.stage2On(r.world);
      const physical = second ? this.stage2(r.world, where)[0] : where;
      const descriptor = this.read(physical);
      const last = level === 3;
      const kind =
        !bit(descriptor, 0) || (last && !bit(descriptor, 1))
          ? 'invalid'
          : last
            ? 'page'
            : bit(descriptor, 1)
              ? 'table'
              : 'block';
      const mecid =
        kind === 'table' || kind === 'invalid' ? null : this.mecidOf(stage, r, descriptor, r.two && bit(input, 55));
      const step = { stage, level, address: physical, pas: r.world, descriptor, mecid };
      const output = (bits_: number): bigint => descriptor & ADDRESS & ~((1n << BigInt(bits_)) - 1n);
      if (kind === 'invalid') {
        this.steps.push({ ...step, meaning: 'invalid' });
        throw new Fault(`${name}translation fault, level ${level}`);
      }
      if (kind === 'table') {
        table = output(granuleBits);
        this.steps.push({ ...step, meaning: `table at 0x${table.toString(16)}` });
        continue;
      }
      const out = output(low) | (input & ((1n << BigInt(low)) - 1n));
      this.steps.push({ ...step, meaning: `${kind} at 0x${output(low).toString(16)}` });
      if (!bit(descriptor, 10)) throw new Fault(`${name}access flag fault, level ${level}`);
      return [out, descriptor];
    }
  }
  private read(address: bigint): bigint {
    const bytes = this.system.readMemory(address, 8);
    if (bytes.length < 8)
      throw new Fault(`nothing can be read at 0x${address.toString(16)}: synchronous external abort on the walk`);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }
  /** AMEC chooses between the primary and the alternate register of the regime (FEAT_MEC). */
  private mecidOf(stage: 1 | 2, { el, world }: Regime, leaf: bigint, upper: boolean): number | null {
    if (world !== 'realm' || !this.system.config.mec?.enabled || (stage === 1 && el === 1)) return null;
    const alternate = bit(leaf, 63) ? 'A' : 'P';
    const name = stage === 2 ? `VMECID_${alternate}_EL2` : `MECID_${alternate}${upper ? 1 : 0}_EL2`;
    return bits(this.register(name), 15, 0);
  }

  /** What the granule protection table says of the output. */
  private granule(address: bigint, pas: World): void {
    const { granules } = this.system.probe;
    if (!granules) return;
    const page = Number(address & ~0xfffn);
    const [found] = granules.ranges(page, page + 4096);
    if (!found || found.state === 'off') return;
    this.steps.push({
      stage: 'gpt',
      level: 0,
      address: BigInt(page),
      pas,
      descriptor: 0n,
      meaning: found.state,
      mecid: null,
    });
    const open = ['any', 'beyond', 'window', pas === 'normal' ? 'non-secure' : pas];
    if (pas === 'normal') open.push('non-secure-only');
    if (!open.includes(found.state))
      throw new Fault(`granule protection fault: the granule is ${found.state}, the access ${pas}`);
  }
}

/** Level of the first table of a stage-1 walk (D8.2.8). */
const startLevel = (inputBits: number, granuleBits: number): number =>
  4 - Math.ceil((inputBits - granuleBits) / (granuleBits - 3));

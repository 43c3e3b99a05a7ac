/** A core of the translation tests with the memory protection engine behind its memory. */

import { expect } from 'vitest';
import { MemoryProtection, type ProtectionModel, powerOnProtection } from '../../core/arch/encryption/engine.ts';
import * as state from '../../core/arch/state.ts';
import { MEMMAP, MM_FLAG, MM_FLAGS } from '../../core/engine/layout.ts';
import { LDR, PAGE, PAS, RmeWorld, rmeMachine, STR, VA } from '../rme/world.ts';
import type { Mode } from '../support/bare-core.ts';
import { RAM, RAM_BYTES, type TranslationMachine } from '../translation/machine.ts';
import { RW2 } from '../translation/tables.ts';
import { KERNEL } from '../translation/world.ts';

export const EMEC = 2n;
const VECTORS = RAM + 0x8000n;

export interface Protected {
  readonly m: TranslationMachine;
  readonly engine: MemoryProtection;
  /** Power-on: nobody's pages, new keys (from a seed, so that runs are alike). */
  powerOn(model?: ProtectionModel, seed?: number): void;
  /** Calls that the core made: claims and wipes begun. */
  readonly calls: { claims: number; wipes: number };
}

export function protectedMachine(mode: Mode = 'interpreter'): Protected {
  const self: { engine: MemoryProtection | null } = { engine: null };
  const calls = { claims: 0, wipes: 0 };
  const m = rmeMachine({
    mode,
    host: {
      claimPage: (_cpu: number, host: number, want: number) => {
        calls.claims++;
        return self.engine!.claim(0, host, want);
      },
      tagPage: (_cpu: number, host: number, want: number) => self.engine!.claim(0, host, want),
      beginWipe: (_cpu: number, host: number, want: number) => {
        calls.wipes++;
        return self.engine!.beginWipe(0, host, want);
      },
      keyRefresh: (_cpu: number, mecid: number) => self.engine!.renewKey(mecid),
    },
  });
  const { core } = m;
  const buffer = core.memory.buffer;
  const regions = [{ base: Number(RAM), size: RAM_BYTES, host: core.layout.arena }];
  const call = (name: string, ...args: (number | bigint)[]): void => {
    (core.space.core[name] as unknown as (...a: (number | bigint)[]) => void)(core.cpu, ...args);
  };
  self.engine = new MemoryProtection(buffer, core.layout, regions, {
    own: [0],
    spaceOf: () => 0,
    drop: (_core, host) => call('dropHostPage', host),
    forgetCode: (host) => core.space.invalidate(host, 4096),
    ask: () => false,
    dropAll: () => call('dropAll'),
  });
  return {
    m,
    engine: self.engine,
    calls,
    powerOn(model = 'exact', seed = 1) {
      powerOnProtection(buffer, core.layout, { model, seed });
      const flags = core.view.getInt32(MEMMAP + MM_FLAGS, true) & ~MM_FLAG.encrypted;
      core.view.setInt32(MEMMAP + MM_FLAGS, model === 'off' ? flags : flags | MM_FLAG.encrypted, true);
      m.setWord(state.WIPE_PAGE, 0);
      core.view.setUint32(core.cpu + state.MAPPED, core.layout.mapped(0), true);
      calls.claims = 0;
      calls.wipes = 0;
    },
  };
}

/** Where the data pages of `realm` lie for stage 2. */
export const IPA = 0x1_0000_0000n;
/**
 * A Realm world with contexts on. EL1 is behind stage 2: its code and tables are VMECID_P_EL2's; the pages at VA, which are PAGE and
 * those behind it, VMECID_A_EL2's.
 */
export function realm(p: Protected, model: ProtectionModel = 'exact'): RmeWorld {
  p.powerOn('off');
  const w = new RmeWorld(p.m, PAS.realm);
  const s2 = w.w.stage2(RAM + 0x80_0000n);
  for (let i = 0n; i < 4n; i++) {
    s2.map(IPA + i * 0x1000n, PAGE + i * 0x1000n, RW2 | (1n << 63n));
    w.w.lower.map(VA + i * 0x1000n, IPA + i * 0x1000n, KERNEL);
  }
  // The monitor's vectors are not on the code's page, which is the realm's.
  p.m.core.place(Number(VECTORS), new Array(1024).fill(0xd45e0000));
  p.m.reg('VBAR_EL3', VECTORS);
  p.powerOn(model);
  p.m.reg('SCTLR2_EL2', EMEC);
  p.m.reg('SCTLR2_EL3', EMEC);
  p.m.reg('TCR2_EL2', 3n << 12n);
  w.enter(1);
  return w;
}

/** What EL1 does in a realm (`realm`). */
export interface RealmAccesses {
  /** VMECID_A_EL2: of the pages at VA. */
  as(mecid: number): void;
  /** VMECID_P_EL2: of code and tables. */
  tablesAs(mecid: number): void;
  /** Runs an instruction with X0 and X1, which takes no exception; yields X1. */
  run(word: number, x0: bigint, x1?: bigint): bigint;
  load(at: bigint): bigint;
  store(at: bigint, value: bigint): void;
}
/** `world`: the realm as it is at that time. */
export function realmAccesses(world: () => RmeWorld): RealmAccesses {
  const set = (register: string, mecid: number): void => {
    world().m.reg(register, BigInt(mecid));
    world().m.call('mecChanged');
  };
  const run = (word: number, x0: bigint, x1 = 0n): bigint => {
    const { core } = world().m;
    core.setX(1, x1);
    expect(world().exec(word, 1, x0).exception).toBe(0);
    return core.x(1);
  };
  return {
    as: (mecid) => set('VMECID_A_EL2', mecid),
    tablesAs: (mecid) => set('VMECID_P_EL2', mecid),
    run,
    load: (at) => run(LDR, at),
    store: (at, value) => void run(STR, at, value),
  };
}

/** Synchronous exceptions that instructions raise: UNDEFINED, SVC, HVC, SMC, BRK, HLT, traps. Handlers' signature: (cpu, rec, n). */

import { EXIT } from '../../engine/abi.ts';
import { pcOf } from '../../engine/interpret.ts';
import { iff, load, ret, run, store, tailCall, unlikely } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { regOffset } from '../registers/storage.ts';
import * as state from '../state.ts';
import { fpTrapLevel } from './context.ts';
import { VECTOR } from './entry.ts';
import { EC, HCR, HFGITR, ISS_ALWAYS, MDCR2, SCR, SECURITY_STATE } from './fields.ts';
import { bit64, bitOf, currentEl, el2Enabled, esr, hcr, hostEl0, ownTarget, reg32, setWord, word } from './view.ts';

export const calls = new Library();
const HANDLER = [I32, I32, I32] as const;
const hfgitrHigh = regOffset('HFGITR_EL2') + 4;

/** Takes a synchronous exception and goes on at its vector. */
export function raise(link: Link, cpu: Val, n: Val, target: Val, syndrome: Val, back: Val): void {
  setWord(cpu, state.BUDGET, n.sub(1));
  run(link('takeException'), cpu, target, syndrome, back, i32(VECTOR.sync));
  tailCall(link('jump'), cpu, load('i64', cpu, state.PC), n.sub(1));
}
/** The same with this instruction as preferred return. */
function raiseHere(link: Link, cpu: Val, rec: Val, n: Val, target: Val, syndrome: Val): void {
  raise(link, cpu, n, target, syndrome, pcOf(cpu, rec));
}

// UNDEFINED.
for (const name of ['undefined', 'undefinedInstruction']) {
  calls.define(name, HANDLER, I32, (link, cpu, rec, n) => {
    raiseHere(link, cpu!, rec!, n!, ownTarget(cpu!), esr(EC.unknown));
  });
}

/** A trap of this instruction: (…, target level, EC, ISS). EL1 becomes EL2 for EL0 under HCR_EL2.TGE. */
calls.define('sysTrap', [I32, I32, I32, I32, I32, I32], I32, (link, c, rec, n, t, ec, iss) => {
  const cpu = c!;
  const target = select(t!.eq(1), ownTarget(cpu), t!);
  const value = ec!
    .shl(26)
    .or(1 << 25)
    .or(iss!)
    .zext64();
  raiseHere(link, cpu, rec!, n!, target, value);
});

/** SIMD or floating point at a level where it traps (AArch64.AdvSIMDFPAccessTrap). */
calls.define('fpTrap', HANDLER, I32, (link, c, rec, n) => {
  const cpu = c!;
  const h = hcr(cpu);
  const level = fpTrapLevel(cpu, currentEl(cpu), h);
  const rerouted = level.eq(1).and(bit64(h, HCR.TGE));
  const target = select(rerouted, i32(2), level);
  const value = select(rerouted, esr(EC.unknown), esr(EC.fp, ISS_ALWAYS));
  raiseHere(link, cpu, rec!, n!, target, value);
});

const next = (cpu: Val, rec: Val): Val => pcOf(cpu, rec).add(4);
/** i32: fine-grained traps of HFGITR_EL2 are in force. */
export const fgtEnabled = (cpu: Val): Val => el2Enabled(cpu).and(noEl3(cpu).or(bitOf(cpu, 'SCR_EL3', SCR.FGTEn)));
const noEl3 = (cpu: Val): Val => word(cpu, state.CONFIG_FLAGS).and(state.CONFIG.noEl3).ne(0);

/** SVC; the immediate is in the record (AArch64.CheckForSVCTrap, AArch64.CallSupervisor). */
calls.define('svc', [I32, I32, I32, I32], I32, (link, c, rec, n, imm) => {
  const cpu = c!;
  const el = currentEl(cpu);
  const syndrome = esr(EC.svc, imm!);
  const traps = load('i32', cpu, hfgitrHigh).shrU(HFGITR.SVC_EL0 - 32);
  unlikely(traps.and(3), () => {
    const trapped = select(el.eqz(), traps.and(1).and(hostEl0(hcr(cpu)).xor(1)), el.eq(1).and(traps.shrU(1)));
    iff(trapped.and(fgtEnabled(cpu)), () => raiseHere(link, cpu, rec!, n!, i32(2), syndrome));
  });
  setWord(cpu, state.SS, 0);
  raise(link, cpu, n!, ownTarget(cpu), syndrome, next(cpu, rec!));
});

/** Leaves for the host, which answers and goes on behind the instruction. */
function hostCall(cpu: Val, rec: Val, n: Val, kind: number): void {
  setWord(cpu, state.HOST_CALL_KIND, kind);
  setWord(cpu, state.BUDGET, n.sub(1));
  store('i64', cpu, next(cpu, rec), state.PC);
  ret(i32(EXIT.host));
}
const config = (cpu: Val, flag: number): Val => word(cpu, state.CONFIG_FLAGS).and(flag);
/** HVC (C6.2: the checks of its decode; AArch64.CallHypervisor). */
calls.define('hvc', [I32, I32, I32, I32], I32, (link, c, rec, n, imm) => {
  const cpu = c!;
  const el = currentEl(cpu);
  unlikely(el.ne(0).and(config(cpu, state.CONFIG.hostHvc).ne(0)), () => hostCall(cpu, rec!, n!, state.HOST_CALL.hvc));
  const off = select(noEl3(cpu), bitOf(cpu, 'HCR_EL2', HCR.HCD), bitOf(cpu, 'SCR_EL3', SCR.HCE).xor(1));
  const undefined_ = el
    .eqz()
    .or(config(cpu, state.CONFIG.noEl2))
    .or(el.eq(1).and(el2Enabled(cpu).xor(1)))
    .or(off);
  unlikely(undefined_, () => tailCall(link('undefined'), cpu, rec!, n!));
  setWord(cpu, state.SS, 0);
  raise(link, cpu, n!, select(el.eq(3), i32(3), i32(2)), esr(EC.hvc, imm!), next(cpu, rec!));
});

/** Calls by which RMM has a MECID's key renewed: RMM_MEC_REFRESH, FIRME_MECID_REFRESH; X1[47:32] is the MECID. */
export const KEY_REFRESH = [0xc40001b6, 0xc4000407] as const;
/** (cpu, MECID) */
calls.host('keyRefresh', [I32, I32], null);
/** RMM_BOOT_COMPLETE, by which RMM tells EL3 how its start went: X1. */
const BOOT_COMPLETE = 0xc40001cf;
calls.host('rmmStarted', [I32, I64], null);

/** SMC (AArch64.CheckForSMCUndefOrTrap, AArch64.CallSecureMonitor). */
calls.define('smc', [I32, I32, I32, I32], I32, (link, c, rec, n, imm) => {
  const cpu = c!;
  const el = currentEl(cpu);
  const syndrome = esr(EC.smc, imm!);
  unlikely(el.eqz(), () => tailCall(link('undefined'), cpu, rec!, n!));
  iff(el.eq(1).and(bit64(hcr(cpu), HCR.TSC)), () => {
    // Without EL3 this is how a hypervisor sees its guest's calls when the host answers its own.
    unlikely(noEl3(cpu).and(config(cpu, state.CONFIG.hostSmc).eqz()), () => tailCall(link('undefined'), cpu, rec!, n!));
    raiseHere(link, cpu, rec!, n!, i32(2), syndrome);
  });
  unlikely(config(cpu, state.CONFIG.hostSmc).ne(0), () => hostCall(cpu, rec!, n!, state.HOST_CALL.smc));
  unlikely(noEl3(cpu).or(bitOf(cpu, 'SCR_EL3', SCR.SMD)), () => tailCall(link('undefined'), cpu, rec!, n!));
  // RMM asks EL3 to renew a context's key; whatever EL3 does of it, the memory protection engine is the one that holds keys.
  iff(el.eq(2).and(word(cpu, state.SECURITY).eq(SECURITY_STATE.realm)), () => {
    const id = word(cpu, state.X);
    const refresh = KEY_REFRESH.map((code) => id.eq(code | 0)).reduce((a, b) => a.or(b));
    unlikely(refresh, () =>
      run(
        link('keyRefresh'),
        cpu,
        load('i64', cpu, state.X + 8)
          .shrU(32)
          .lo32()
          .and(0xffff),
      ),
    );
    unlikely(id.eq(BOOT_COMPLETE | 0), () => run(link('rmmStarted'), cpu, load('i64', cpu, state.X + 8)));
  });
  setWord(cpu, state.SS, 0);
  raise(link, cpu, n!, i32(3), syndrome, next(cpu, rec!));
});

/** i32 1 or 2: where debug exceptions of EL0 and EL1 go (DebugTarget). */
export function debugTarget(cpu: Val): Val {
  const route = bit64(hcr(cpu), HCR.TGE).or(reg32(cpu, 'MDCR_EL2').bits(MDCR2.TDE, 1).and(el2Enabled(cpu)));
  return i32(1).add(route);
}
/** BRK (AArch64.SoftwareBreakpoint). */
calls.define('brk', [I32, I32, I32, I32], I32, (link, c, rec, n, imm) => {
  const cpu = c!;
  const el = currentEl(cpu);
  raiseHere(link, cpu, rec!, n!, select(el.gtU(1), el, debugTarget(cpu)), esr(EC.brk, imm!));
});
/** `HLT #0xf000` above EL0, where the machine offers semihosting; otherwise HLT is UNDEFINED: there is no external debugger. */
calls.define('semihost', HANDLER, I32, (link, c, rec, n) => {
  const cpu = c!;
  iff(
    config(cpu, state.CONFIG.semihosting).ne(0).and(currentEl(cpu).ne(0)),
    () => hostCall(cpu, rec!, n!, state.HOST_CALL.semihosting),
    () => tailCall(link('undefined'), cpu, rec!, n!),
  );
  ret(i32(0));
});

/** SP is not aligned where SCTLR_ELx.SA or SA0 asks for it (AArch64.SPAlignmentFault). */
calls.define('spAlignmentFault', HANDLER, I32, (link, c, rec, n) => {
  raiseHere(link, c!, rec!, n!, ownTarget(c!), esr(EC.spAlignment));
});
/** FEAT_FPAC: a pointer did not authenticate (AArch64.PACFailException): (…, ISS: bit 1 data key, bit 0 key B). */
calls.define('pacFail', [I32, I32, I32, I32], I32, (link, c, rec, n, iss) => {
  raiseHere(link, c!, rec!, n!, ownTarget(c!), esr(EC.pacFail, iss!));
});

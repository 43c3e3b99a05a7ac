/**
 * Built-in PSCI 1.1 (Arm DEN 0022 D.b) with the calls of SMCCC 1.1 that tell versions (Arm DEN 0028), for machines without
 * firmware of their own.
 */
import type { CallOutcome, CpuView } from './cpu-view.ts';

/** Return codes (5.2.2 of DEN 0022). */
export const PSCI = {
  success: 0,
  notSupported: -1,
  invalidParameters: -2,
  denied: -3,
  alreadyOn: -4,
  onPending: -5,
  internalFailure: -6,
  invalidAddress: -9,
} as const;

/** Power of the machine and its cores. All calls may come from any core's thread. */
export interface PowerControl {
  readonly cores: number;
  /** Affinity fields of a core's MPIDR_EL1: bits 39:32 and 23:0. */
  affinity(core: number): bigint;
  power(core: number): 'on' | 'off' | 'pending';
  /** Highest exception level of the Non-secure state: where cores are started, whatever the caller's level. */
  readonly level: number;
  /** Starts a core that is off, at that exception level, with X0 = context; false when it was not off (any more). */
  turnOn(core: number, entry: bigint, context: bigint, el: number): boolean;
  /** Whether code can be there. */
  isMemory(address: bigint): boolean;
  systemOff(): void;
  systemReset(): void;
}

const AFFINITY_MASK = 0xff_00ff_ffffn;

/** A call: gets arguments 1–3 at the width of its calling convention, yields a return code or what the core does next. */
type Call = (power: PowerControl, cpu: CpuView, args: readonly bigint[]) => number | CallOutcome;

const cpuOn: Call = (power, cpu, [target, entry, context]) => {
  const core = findCore(power, target!);
  if (core < 0) return PSCI.invalidParameters;
  if (entry! & 3n || !power.isMemory(entry!)) return PSCI.invalidAddress;
  const state = power.power(core);
  if (state === 'pending') return PSCI.onPending;
  if (state === 'on') return PSCI.alreadyOn;
  // On a bare machine a program at EL3 may have PSCI, too.
  return power.turnOn(core, entry!, context!, Math.max(cpu.el, power.level)) ? PSCI.success : PSCI.onPending;
};

/** Both kinds of power state are standby here: the core wakes with all its state, which powering down permits (5.4.5). */
const cpuSuspend: Call = () => 'wait';

const affinityInfo: Call = (power, _cpu, [target, level]) => {
  if (level! > 3n) return PSCI.invalidParameters;
  const shift = [0n, 8n, 16n, 32n][Number(level)]!;
  const names = (core: number): boolean => (power.affinity(core) & AFFINITY_MASK) >> shift === target! >> shift;
  if (target! & ~AFFINITY_MASK) return PSCI.invalidParameters;
  const states = Array.from({ length: power.cores }, (_, core) => core)
    .filter(names)
    .map((core) => power.power(core));
  if (states.length === 0) return PSCI.invalidParameters;
  return states.includes('on') ? 0 : states.includes('pending') ? 2 : 1;
};

const systemReset: Call = (power) => {
  power.systemReset();
  return 'system';
};

const systemReset2: Call = (power, cpu, args) => {
  // Only the architectural warm reset is there, type 0; vendor's types have bit 31 set.
  return args[0] === 0n ? systemReset(power, cpu, args) : PSCI.invalidParameters;
};

/** Functions by number: [number of SMC32 form, there is an SMC64 form, call]. */
const FUNCTIONS: readonly (readonly [number, boolean, Call])[] = [
  [0x84000000, false, () => 0x10001],
  [0x84000001, true, cpuSuspend],
  [0x84000002, false, () => 'off'],
  [0x84000003, true, cpuOn],
  [0x84000004, true, affinityInfo],
  // MIGRATE_INFO_TYPE: no Trusted OS that would need migration.
  [0x84000006, false, () => 2],
  [
    0x84000008,
    false,
    (power) => {
      power.systemOff();
      return 'system';
    },
  ],
  [0x84000009, false, systemReset],
  [0x8400000a, false, (_power, _cpu, [id]) => (known(Number(id! & 0xffffffffn)) ? 0 : PSCI.notSupported)],
  [0x84000012, true, systemReset2],
  // SMCCC_VERSION 1.1; SMCCC_ARCH_FEATURES.
  [0x80000000, false, () => 0x10001],
  [
    0x80000001,
    false,
    (_power, _cpu, [id]) => ([0x80000000n, 0x80000001n].includes(id! & 0xffffffffn) ? 0 : PSCI.notSupported),
  ],
];

const SMC64 = 0x40000000;
const CALLS = new Map<number, Call>(
  FUNCTIONS.flatMap(([id, wide, call]) =>
    wide
      ? [
          [id, call],
          [id + SMC64, call],
        ]
      : [[id, call]],
  ) as [number, Call][],
);
/** What PSCI_FEATURES answers for: PSCI's own functions and SMCCC_VERSION. */
const known = (id: number): boolean => CALLS.has(id) && id !== 0x80000001;

function findCore(power: PowerControl, target: bigint): number {
  if (target & ~AFFINITY_MASK) return -1;
  for (let core = 0; core < power.cores; core++) {
    if ((power.affinity(core) & AFFINITY_MASK) === target) return core;
  }
  return -1;
}

/** Answers the HVC or SMC that a core has just executed; the result goes to X0, all other registers are kept. */
export function psciCall(power: PowerControl, cpu: CpuView): CallOutcome {
  const id = Number(cpu.x(0) & 0xffffffffn);
  const call = CALLS.get(id);
  const wide = (id & SMC64) !== 0;
  const args = [1, 2, 3].map((n) => (wide ? cpu.x(n) : cpu.x(n) & 0xffffffffn));
  const result = call ? call(power, cpu, args) : PSCI.notSupported;
  if (typeof result === 'number') {
    cpu.setX(0, BigInt.asUintN(64, BigInt(result)));
    return 'continue';
  }
  if (result === 'wait') cpu.setX(0, 0n);
  return result;
}

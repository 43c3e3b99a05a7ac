/**
 * The interface between a running system and its faces (the command, the gdb server, the workbench, tests).
 *
 * A system is created from a plain configuration, lives on threads of its own, and talks back by events. Registers and memory may
 * be looked at and changed while it is paused; they lie in shared memory, so those calls return at once.
 */
import type { FwCfgItem } from '../boot/fw-cfg-items.ts';
import type { InterruptState } from '../devices/gic/inspect.ts';
import type { BlockConfig, ConsolePortConfig, NinepConfig, RngConfig } from '../devices/virtio/config.ts';
import type { MachineDescription } from '../machines/machine.ts';
import type { World } from './console-tag.ts';
import type { SystemProbe, WorldCounts } from './probe.ts';
import type { MecConfig, RmeConfig } from './protection.ts';
import type { TraceConfig } from './trace.ts';

/** `normal`: both tiers; `interpreter`: nothing is compiled; `compiled`: everything is compiled when first met. */
export type EngineMode = 'normal' | 'interpreter' | 'compiled';

export type StartEl = 1 | 2 | 3;

/** Which instruction reaches the built-in PSCI; `none` where firmware provides it. */
export type PsciConduit = 'hvc' | 'smc' | 'none';

/** Bytes that are in memory at reset. */
export interface Image {
  /** Physical address. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Size in memory; what `bytes` does not cover is zero. Default: as many as there are bytes. */
  readonly memoryBytes?: number;
}

/** A virtio device; consoles get their numbers from the system. */
export type VirtioConfig =
  | BlockConfig
  | { readonly type: 'console'; readonly ports: readonly ConsolePortConfig[] }
  | RngConfig
  | NinepConfig;

export type { InterruptState };

/** A serial port's console. */
export type SerialConfig = Partial<Omit<ConsoleInfo, 'id'>>;

/** What semihosting may do on the host. */
export interface SemihostingConfig {
  /** Files the guest may open: none, all that this process may, or those below a directory (an absolute path). */
  readonly files: 'none' | 'all' | { readonly root: string };
  /** Answer to SYS_GET_CMDLINE. */
  readonly commandLine: string;
}

/** A core that starts elsewhere than the others. */
export interface CoreEntry {
  readonly core: number;
  readonly entry: bigint;
}

export interface FlashFileConfig {
  /** Name of the memory region. */
  readonly flash: string;
  readonly file: string;
}

/** What the machine's real time clock shows. */
export interface RtcConfig {
  /** Seconds since 1970 when the system starts; null: the host's time (deterministic: the start of 2026). */
  readonly start: number | null;
  /** `guest`: it stands still while the system does, as the other clocks do. */
  readonly follows: 'host' | 'guest';
}

export interface SystemConfig {
  readonly machine: MachineDescription;
  /** A name of the CPU list, for instance `max` or `cortex-a72`. */
  readonly cpuModel: string;
  /** Changes to the model: names of features (FEAT_ name without prefix) that are added, or left out when false. */
  readonly features?: Readonly<Record<string, boolean>>;
  readonly engine: EngineMode;
  /** All cores on one thread, round-robin, with time counted in instructions: same input, same run. */
  readonly deterministic: boolean;
  /** Start of every pseudo-random sequence that the guest can see; without, they are the host's (deterministic: from 1). */
  readonly seed?: number;
  readonly rme?: RmeConfig;
  readonly mec?: MecConfig;
  readonly startEl: StartEl;
  readonly images: readonly Image[];
  /** Where core 0 starts (and, without PSCI, every core). */
  readonly entry: bigint;
  /** For cores that are on at reset. */
  readonly entries?: readonly CoreEntry[];
  /** Null: HLT #0xF000 is what the architecture makes of it, an UNDEFINED or debug exception. */
  readonly semihosting: SemihostingConfig | null;
  readonly psci: PsciConduit;
  /** EL3 is there, but what starts below it is not its firmware's: EL3's registers are as firmware would leave them. */
  readonly skipsEl3?: boolean;
  /** What the machine's fw_cfg holds. */
  readonly fwCfg?: readonly FwCfgItem[];
  /** Devices for the machine's virtio transports, in the order in which they take them. */
  readonly virtio?: readonly VirtioConfig[];
  /** Of the machine's serial ports, in their order, what the machine itself does not say. */
  readonly serials?: readonly SerialConfig[];
  /** Transports speak the legacy version 1, as QEMU's do unless told otherwise; default: version 2, virtio 1.x. */
  readonly virtioLegacy?: boolean;
  readonly rtc?: RtcConfig;
  /** Flash memories whose contents go back to their files when the system ends. */
  readonly flashFiles?: readonly FlashFileConfig[];
  readonly trace?: TraceConfig;
  /** Guest time, in seconds, after which the system ends with reason `limit`. */
  readonly timeLimit?: number;
  /** The guest comes after the rest of the program, as where a window shows it. */
  readonly background?: boolean;
}

/**
 * `exit`: the guest said so through semihosting; `poweroff`: PSCI SYSTEM_OFF or a power device; `wild`: a core can do nothing but
 * fault for ever; `limit`: `timeLimit`; `stopped`: `stop()`; `failed`: an error of ours (its message says `internal error`), or what
 * the guest has written could not be kept.
 */
export type ExitReason = 'exit' | 'poweroff' | 'wild' | 'limit' | 'stopped' | 'failed';

export interface SystemExit {
  readonly reason: ExitReason;
  /** Exit status that the guest gave, 0–255; 1 for `wild` and `failed`. */
  readonly status: number;
  /** The core that caused it. */
  readonly core?: number;
  /** One line for the user; `wild` and `failed` have it. */
  readonly message?: string;
  /** `wild`: address of the instruction at which it began. */
  readonly origin?: bigint;
}

export type WatchAccess = 'read' | 'write' | 'access';

export interface Watchpoint {
  /** Virtual address of the first byte. */
  readonly address: bigint;
  readonly length: number;
  readonly access: WatchAccess;
}

/** Why a system that was running is paused now. */
export type StopReason =
  | { readonly kind: 'pause' | 'step' | 'breakpoint' }
  | { readonly kind: 'watchpoint'; readonly watchpoint: Watchpoint; readonly address: bigint };

export interface StopEvent {
  /** The core that the reason is about. */
  readonly core: number;
  readonly reason: StopReason;
}

export interface ConsoleInfo {
  readonly id: number;
  /** `uart0`, … */
  readonly name: string;
  /** Security states whose software can write to it. Where they are several, faces offer each as a console of its own. */
  readonly worlds?: readonly World[];
  /** False: its line leads nowhere, and faces leave it out. */
  readonly connected?: boolean;
}

/** What a machine with an interrupt controller and power control has beyond cores, memory and consoles. */
export interface MachineView {
  readonly description: MachineDescription;
  /** Presses the power key: the guest's operating system is asked to power off. */
  pressPowerKey(): void;
  /** Interrupts that are enabled, pending or active, by INTID and core. */
  interrupts(): readonly InterruptState[];
}

/**
 * What firmware did at its start that tells whether it fits the machine. `world-begins`: a core leaves EL3 for a world for the first
 * time; SCR_EL3 and X1 as they are then. `rmm-started`: RMM reports to EL3 how its start on this core went (RMM_BOOT_COMPLETE).
 */
export type FirmwareFact =
  | {
      readonly kind: 'world-begins';
      readonly core: number;
      readonly world: World;
      readonly scr: bigint;
      readonly x1: bigint;
      /** GPCCR_EL3.GPC. */
      readonly granuleChecks: boolean;
    }
  | { readonly kind: 'rmm-started'; readonly core: number; readonly status: number };

/** Events, with the arguments their listeners get. */
export interface SystemEvents {
  firmware: [fact: FirmwareFact];
  /** Bytes that a console showed, in order, and who wrote each of them (`console-tag.ts`). */
  console: [id: number, bytes: Uint8Array, tags: Uint8Array];
  /** The last event of a system. */
  exit: [exit: SystemExit];
  /** Whole lines of trace text. */
  trace: [text: string];
  /** All cores stand still. */
  stopped: [stop: StopEvent];
  resumed: [];
  /** The guest or a face reset the system. */
  reset: [];
}

/** One core, of a paused system. Registers by the names of the manual; values are unsigned. */
export interface Core {
  readonly index: number;
  /** False between PSCI CPU_OFF and CPU_ON, and before the first CPU_ON. */
  readonly on: boolean;
  /** Waits in WFI or WFE. */
  readonly waiting: boolean;
  /** Its security state. */
  readonly world: World;
  /** X0–X30. */
  x(n: number): bigint;
  setX(n: number, value: bigint): void;
  /** The stack pointer in use. */
  sp: bigint;
  pc: bigint;
  /** PSTATE in the layout of SPSR_ELx (C5.2.18). */
  pstate: bigint;
  /** V0–V31, 16 bytes, least significant first. */
  v(n: number): Uint8Array;
  setV(n: number, bytes: Uint8Array): void;
  fpcr: number;
  fpsr: number;
  /** A system register by its name in upper case (`SCTLR_EL1`), or null when this core has none of that name. */
  sysreg(name: string): bigint | null;
  setSysreg(name: string, value: bigint): boolean;
  /** Names that `sysreg` knows. */
  sysregNames(): readonly string[];
}

/** What each core shall do after `resume`. */
export type CoreAction = 'run' | 'step' | 'halt';

export interface SystemStats {
  /** Guest instructions of all cores since start. */
  readonly instructions: number;
  /** Seconds that the system ran (host time; pauses do not count). */
  readonly seconds: number;
  /** Guest time in seconds. */
  readonly guestSeconds: number;
  readonly perCore: readonly {
    readonly instructions: number;
    /** By security state. */
    readonly worlds: Readonly<Record<World, WorldCounts>>;
  }[];
  /** Pages that the memory protection engine converted, or that were wiped without; null: it is not at work. */
  readonly encryption: { readonly converted: number; readonly wiped: number } | null;
  /** What the engine counts: instructions decoded, handlers, modules, regions compiled, … */
  readonly engine: Readonly<Record<string, number>>;
}

export interface System {
  readonly config: SystemConfig;
  readonly cores: readonly Core[];
  readonly consoles: readonly ConsoleInfo[];
  /** Null on the bare machine. */
  readonly machine: MachineView | null;
  readonly running: boolean;
  /** For observers; may be used while the cores run. */
  readonly probe: SystemProbe;

  /** Yields a function that ends the subscription. */
  on<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): () => void;

  /** Lets the cores run for the first time; `paused`: only makes them ready. */
  start(paused?: boolean): Promise<void>;
  /** Resolves when all cores stand still; `stopped` was emitted then, unless the system was paused before. */
  pause(): Promise<void>;
  /** Actions by core; without: all run. A `step` ends with `stopped` after one instruction, and halts all cores. */
  resume(actions?: readonly CoreAction[]): void;
  /** Memory and cores as after `start`; goes on as it was, running or paused. */
  reset(): Promise<void>;
  /** Ends the threads; `exit` is emitted if it was not. */
  stop(): Promise<void>;

  /** Types bytes into a console. Nothing is lost: what the guest does not take yet is kept. */
  consoleInput(id: number, bytes: Uint8Array): void;
  /** Holds a console's output back (the guest waits once its buffer is full), until it is released. */
  holdConsole(id: number, held: boolean): void;

  /** Physical memory, or as core `via` sees it at its present exception level; yields what is readable from the first byte on. */
  readMemory(address: bigint, length: number, via?: number): Uint8Array;
  /** False when not all of the bytes can be written; then none was. */
  writeMemory(address: bigint, bytes: Uint8Array, via?: number): boolean;

  /** Breakpoints are addresses that stop any core; they do not show in memory. */
  addBreakpoint(address: bigint): void;
  removeBreakpoint(address: bigint): void;
  addWatchpoint(watchpoint: Watchpoint): void;
  removeWatchpoint(watchpoint: Watchpoint): void;

  stats(): SystemStats;
}

export type CreateSystem = (config: SystemConfig) => Promise<System>;

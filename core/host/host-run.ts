/** What the host needs of a run, whoever runs it: Trireme's engine (`run.ts`) or an installed QEMU (`qemu/run.ts`). */
import type { System } from '../system/api.ts';
import type { RunStatus, RunSummary } from './api.ts';
import type { RunConsole, RunConsoles } from './consoles.ts';
import type { AnyLaunch } from './launch.ts';
import type { Observation } from './observation.ts';
import type { Timeline } from './timeline.ts';

export type Control = 'pause' | 'resume' | 'reset' | 'powerOff' | 'forceOff';

/** Tells of MEC as the launch has it. */
export function mecOf(launch: AnyLaunch): RunSummary['mec'] {
  if (launch.machine.type === 'bare') return null;
  const { enabled, model, mecidWidth } = (launch as Extract<AnyLaunch, { mec: unknown }>).mec;
  return { enabled, model, width: mecidWidth };
}

export interface RunListener {
  changed(run: HostRun): void;
  output(run: HostRun, console: string): void;
}

export interface HostRun {
  readonly id: string;
  readonly consoles: RunConsoles;
  readonly timeline: Timeline;
  readonly observation: Observation | null;
  readonly hasEnded: boolean;
  /** Its memory is still there. */
  readonly hasSystem: boolean;
  /** `paused`: stops before the first instruction. Throws when it cannot start. */
  start(paused: boolean): Promise<void>;
  control(action: Control): Promise<void>;
  step(core: number): void;
  setBreakpoints(addresses: readonly bigint[]): void;
  /** Types into a console; throws when the run has ended. */
  type(console: RunConsole, bytes: Uint8Array): void;
  /** The system, to be read; throws where there is none. */
  inspect(): System;
  /** The system while its cores stand still. */
  still(): System;
  summary(): RunSummary;
  /** Cheap, and allowed while it runs. */
  status(): RunStatus;
  /** Ends it; consoles stay. */
  giveUp(): Promise<void>;
}

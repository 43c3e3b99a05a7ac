/**
 * Does firmware fit the machine? Seen from what it does at its start, and said in one line each. Facts about TF-A and TF-RMM: their
 * sources and change logs; the interface between them: TF-A's "RMM-EL3 Communication interface".
 */
import type { FirmwareFact } from '../system/api.ts';

export interface FirmwareNotice {
  readonly code: 'mec-not-enabled' | 'no-granule-checks' | 'rmm-failed' | 'stuck-in-root';
  /** One line, without a full stop at its end. */
  readonly message: string;
}
export interface FirmwareMachine {
  readonly rme: boolean;
  readonly mec: boolean;
}

/** SCR_EL3: MECEn, SCTLR2En. */
const MECEN = 1n << 49n;
const SCTLR2EN = 1n << 44n;
/** Status codes of RMM_BOOT_COMPLETE. */
const RMM_STATUS: Readonly<Record<number, string>> = {
  [-1]: 'unknown error',
  [-2]: 'it does not speak this version of the interface',
  [-3]: 'too many CPUs for its build',
  [-4]: 'the number of this CPU is out of range',
  [-5]: 'the shared buffer is not valid',
  [-6]: 'it does not know this version of the boot manifest',
  [-7]: 'the boot manifest holds something wrong',
};
/** Which releases belong together, by the major version of the interface that EL3 offers. */
const PAIRS: Readonly<Record<number, string>> = {
  0: 'TF-RMM v0.8 and before want this, v0.9 wants TF-A v2.15 built without RMM_V1_COMPAT',
  2: 'TF-RMM v0.9 wants this, v0.8 and before want TF-A v2.12 to v2.14, or v2.15 built with RMM_V1_COMPAT=1',
};

/** Takes facts as they come; yields what is to be said, each once. */
export class FirmwareCheck {
  private readonly machine: FirmwareMachine;
  private readonly said = new Set<FirmwareNotice['code']>();
  /** Version of the RMM-EL3 interface that EL3 offers: X1 at RMM's first entry. */
  private version: { readonly major: number; readonly minor: number } | null = null;
  private realm = false;
  /** Some world was entered from EL3. */
  private begun = false;

  constructor(machine: FirmwareMachine) {
    this.machine = machine;
  }
  take(fact: FirmwareFact): FirmwareNotice | null {
    const notice = fact.kind === 'world-begins' ? this.begins(fact) : this.started(fact.status);
    if (!notice || this.said.has(notice.code)) return null;
    this.said.add(notice.code);
    return notice;
  }
  /** The machine ended; `wild`: a core could only fault for ever. */
  ended(wild: boolean): FirmwareNotice | null {
    if (!wild || !this.machine.rme || this.begun) return null;
    const message =
      'RME is on, and EL3 got no further: with RME it executes Root memory only, so TF-A wants ENABLE_RME=1 when it is built (or switch RME off)';
    return { code: 'stuck-in-root', message };
  }
  private begins(fact: Extract<FirmwareFact, { kind: 'world-begins' }>): FirmwareNotice | null {
    const { rme, mec } = this.machine;
    this.begun = true;
    if (fact.world === 'realm') {
      if (!this.realm) {
        const version = Number(BigInt.asUintN(32, fact.x1));
        this.version = { major: version >>> 16, minor: version & 0xffff };
      }
      this.realm = true;
      if (!mec || (fact.scr & MECEN && fact.scr & SCTLR2EN)) return null;
      const missing = fact.scr & MECEN ? 'SCTLR2En' : 'MECEn';
      const message = `MEC is on, but the firmware at EL3 keeps it from Realm state (SCR_EL3.${missing} is 0): RMM runs without it; TF-A wants ENABLE_FEAT_MEC=2 when it is built`;
      return { code: 'mec-not-enabled', message };
    }
    if (!rme || fact.world !== 'normal' || fact.granuleChecks || this.realm) return null;
    const message =
      'RME is on, but the firmware at EL3 starts the Non-secure world without granule protection checks: there will be no realms; TF-A wants ENABLE_RME=1 when it is built';
    return { code: 'no-granule-checks', message };
  }
  private started(status: number): FirmwareNotice | null {
    if (status === 0) return null;
    const why = RMM_STATUS[status] ? `: ${RMM_STATUS[status]}` : '';
    const { major, minor } = this.version ?? { major: 0, minor: 0 };
    const pair = status === -2 || status === -6 ? PAIRS[major] : undefined;
    const offered = `version ${major}.${minor} of the RMM-EL3 interface is offered${pair ? ` (${pair})` : ''}`;
    return { code: 'rmm-failed', message: `RMM did not start (status ${status}${why}); ${offered}` };
  }
}

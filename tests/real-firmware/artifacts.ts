/**
 * The user's own builds of real firmware and kernels, in the folder that TRIREME_FIRMWARE names (docs/firmware.md). None of them is
 * part of this repository.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A firmware image: TF-A's `qemu` platform with what it starts, entered at address 0. */
export interface Firmware {
  /** File in the folder. */
  readonly file: string;
  /** What BL31 says its version is. */
  readonly tfa: RegExp;
  /** What RMM says of itself, in its order; null without RME. */
  readonly rmm: { readonly version: RegExp; readonly rmi: string; readonly usesMec: boolean } | null;
}

export const FIRMWARE = {
  plain: { file: 'tfa-2.14.bin', tfa: /BL31: v2\.14/, rmm: null },
  rmm08: {
    file: 'tfa-2.14-rmm-0.8.0.bin',
    tfa: /BL31: v2\.14/,
    rmm: { version: /Booting RMM v\.0\.8\.0/, rmi: 'v1.0', usesMec: false },
  },
  rmm08rmi11: {
    file: 'tfa-2.15-rmm-0.8.0-rmi1.1.bin',
    tfa: /BL31: v2\.15/,
    rmm: { version: /Booting RMM v\.0\.8\.0/, rmi: 'v1.1', usesMec: true },
  },
  rmm09: {
    file: 'tfa-2.15-rmm-0.9.0.bin',
    tfa: /BL31: v2\.15/,
    rmm: { version: /Booting RMM v\.0\.9\.0/, rmi: 'v2.0', usesMec: true },
  },
} as const satisfies Record<string, Firmware>;

/** Builds that do not fit, to see that it is said. */
export const MISFITS = {
  /** TF-A v2.14 as above, but without ENABLE_FEAT_MEC. */
  withoutMec: 'tfa-2.14-rmm-0.8.0-no-mec.bin',
  /** TF-A v2.15 without RMM_V1_COMPAT, and an RMM that needs it. */
  pair: 'tfa-2.15-rmm-0.8.0.bin',
} as const;

/** The kernel, of the host and of realms; the host's initial RAM disk. */
export const KERNEL = 'Image';
export const INITRD = 'initrd.gz';
/** The host's kernel for realms in encrypted memory; `KERNEL` does where it needs no other. */
export const KERNEL_FOR_MEC = 'Image-mec';

/** A host's kernel that asks RMM for a context of its own for each realm, the first for 1. */
export const KERNEL_FOR_PRIVATE_MEC = 'Image-mec-private';

/** A host's kernel that prints at its power-off how long its RMI calls took. */
export const KERNEL_WITH_TIMES = 'Image-rmi-times';

/** A root shell's prompt, as a regular expression; BusyBox asks the terminal for the cursor's place behind it. */
export const PROMPT = '# (\\x1b\\[6n)?$';

const folder = process.env.TRIREME_FIRMWARE;

export const pathOf = (file: string): string => join(folder ?? '', file);
export const sizeOf = (file: string): number => statSync(pathOf(file)).size;
const has = (file: string): boolean => folder !== undefined && existsSync(pathOf(file));
/** The host's kernel. */
export const hostKernel = (mec: boolean): string => pathOf(mec && has(KERNEL_FOR_MEC) ? KERNEL_FOR_MEC : KERNEL);

/** Why a test that needs these files cannot run; null if it can. */
export function missing(files: readonly string[]): string | null {
  if (!folder) return 'TRIREME_FIRMWARE names no folder with firmware (docs/firmware.md)';
  const absent = files.filter((file) => !has(file));
  return absent.length === 0 ? null : `${folder} has no ${absent.join(', ')}`;
}

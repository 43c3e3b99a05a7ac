import type { RunSummary } from '../../core/host/api.ts';

/** How a run is told from others, in a list of them. */
export function runTitle({ id, name, on, mec, startedAt }: RunSummary): string {
  const where = on === 'qemu' ? ' on QEMU' : '';
  const contexts = mec ? `, MEC ${mec.enabled ? 'on' : 'off'}` : '';
  return `${id.replace('r', '#')} ${name}${where}${contexts}, ${new Date(startedAt).toLocaleTimeString()}`;
}

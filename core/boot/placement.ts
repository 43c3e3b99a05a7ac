/** Checks that what is loaded has a place: inside one memory of the machine, and nothing on top of anything else. */
import type { MachineDescription } from '../machines/machine.ts';
import type { Image } from '../system/api.ts';
import { UserError } from '../system/errors.ts';

/** An image with its name for messages. */
export interface Placed extends Image {
  readonly name: string;
}

const hex = (n: number): string => `0x${n.toString(16)}`;
const endOf = (image: Image): number => image.address + Math.max(image.bytes.length, image.memoryBytes ?? 0);

/** Throws UserError for the first image that does not fit, or overlaps another. */
export function checkPlacement(machine: MachineDescription, images: readonly Placed[]): void {
  for (const image of images) {
    const home = machine.memory.find((m) => image.address >= m.base && image.address < m.base + m.size);
    if (!home) throw new UserError(`${image.name}: there is no memory at ${hex(image.address)}, where it belongs`);
    if (endOf(image) > home.base + home.size) {
      const has = `${hex(home.base)} to ${hex(home.base + home.size - 1)}`;
      throw new UserError(
        `${image.name}: too large for memory: it would be at ${range(image)}, and memory is at ${has}`,
      );
    }
  }
  const sorted = images.filter((i) => endOf(i) > i.address).sort((a, b) => a.address - b.address);
  for (let n = 1; n < sorted.length; n++) {
    const [below, above] = [sorted[n - 1]!, sorted[n]!];
    if (endOf(below) > above.address) {
      throw new UserError(`${below.name} (${range(below)}) and ${above.name} (${range(above)}) overlap in memory`);
    }
  }
}

const range = (image: Image): string => `${hex(image.address)} to ${hex(endOf(image) - 1)}`;

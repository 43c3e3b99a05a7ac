/** Where views are turned to, so that one can lead to another: an address in Memory, a filter of Calls. */
import { layout } from './layout.svelte.ts';

class Places {
  /** Physical address that Memory shows. */
  address = $state(0x40000000n);
  /** Filter of Calls. */
  calls = $state('');

  /** Shows a physical address in Memory. */
  memory(address: bigint | string): void {
    this.address = BigInt(address) & ~15n;
    layout.show('memory');
  }
  /** Shows the calls that pass a filter. */
  callsOf(filter: string): void {
    this.calls = filter;
    layout.show('calls');
  }
}

export const places = new Places();

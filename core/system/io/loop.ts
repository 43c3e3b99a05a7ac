/** What the I/O thread does all its life. */
import { IO, IoOrders } from './control.ts';
import type { IoService } from './service.ts';

/** Turns of the service after the end: what the guest had asked for before is still done. */
const LAST_TURNS = 1000;

/** Serves until it is told to end, and then closes the service. `words`: shared with the system's `IoControl`. */
export function serveIo(service: Pick<IoService, 'service' | 'close'>, words: Int32Array): void {
  const orders = new IoOrders(words);
  try {
    for (;;) {
      const { bell, command } = orders;
      if (command === IO.ended) {
        for (let turn = 0; turn < LAST_TURNS && service.service(); turn++);
        return;
      }
      orders.tell(command);
      if (command === IO.resting || !service.service()) orders.sleep(bell);
    }
  } finally {
    service.close();
    orders.tell(IO.ended);
  }
}

/** The part of a virtio device that serves its queues; it lives where the I/O service runs. */

export interface Backend {
  /** Serves queue `n` for a bounded time; true: there may be more to do. */
  serve(n: number): boolean;
  /** Looks at the host's side, which may have become ready; true: something was done. */
  poll?(): boolean;
  /** The driver, or the system, has reset the device: what it had given is void. */
  reset(): void;
  /** The system ends. */
  close(): void;
}

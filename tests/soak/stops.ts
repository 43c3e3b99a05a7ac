/**
 * Notices when the host has let nobody run for a while: it was suspended, or everything was stopped by a signal. A guest's time goes on
 * meanwhile, so that its kernel then complains of stalls which are none.
 */

/** Time for which this process did not run that counts as a stop, in ms. */
const STOP = 10_000;
/** So long after a stop kernels may still complain of it, in ms. */
const AFTER = 60_000;

export class Stops {
  /** How long each was, in seconds. */
  readonly list: number[] = [];
  private readonly now: () => number;
  private last: number;
  private until = 0;
  private readonly timer = setInterval(() => this.look(), 1000);

  constructor(now: () => number = Date.now) {
    this.now = now;
    this.last = now();
  }
  private look(): void {
    const now = this.now();
    if (now - this.last > STOP) {
      this.list.push(Math.round((now - this.last) / 1000));
      this.until = now + AFTER;
    }
    this.last = now;
  }
  /** Of all of them, in seconds. */
  get total(): number {
    return this.list.reduce((sum, one) => sum + one, 0);
  }
  /** There was one within the last minute. */
  get recent(): boolean {
    this.look();
    return this.now() < this.until;
  }
  end(): void {
    clearInterval(this.timer);
  }
}

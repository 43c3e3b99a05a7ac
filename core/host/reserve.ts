/** Threads that wait for the next machine with their modules loaded: to load them takes longer than all else of a start. */
import type { Crew } from '../system/crew.ts';

/** Each holds some 40 MB while it waits. */
const MOST = 4;

export class Reserve {
  private crew: Crew | null = null;

  /** So many threads of cores are wanted next. */
  async prepare(threads: number): Promise<void> {
    const { Crew } = await import('../system/crew.ts');
    this.crew ??= new Crew(0);
    this.crew.want(Math.min(threads, MOST));
  }
  /** What is ready, for the machine that starts now. */
  take(): Crew | undefined {
    const { crew } = this;
    this.crew = null;
    return crew ?? undefined;
  }
  async close(): Promise<void> {
    await this.take()?.dismiss();
  }
}

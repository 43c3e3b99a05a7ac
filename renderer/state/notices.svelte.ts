/** Short messages to the user: errors with what to do, and what was done. */
import { ApiError } from '../api/client.ts';

export interface Notice {
  readonly id: number;
  readonly kind: 'info' | 'error';
  readonly text: string;
}

const SHOWN = 6000;

class Notices {
  list: Notice[] = $state.raw([]);
  private nextId = 1;

  info(text: string): void {
    this.add('info', text);
  }
  error(error: unknown): void {
    this.add('error', messageOf(error));
  }
  private add(kind: Notice['kind'], text: string): void {
    const notice = { id: this.nextId++, kind, text };
    // The same once more is not news.
    this.list = [...this.list.filter((n) => n.text !== text), notice].slice(-4);
    if (kind === 'info') setTimeout(() => this.dismiss(notice.id), SHOWN);
  }
  dismiss(id: number): void {
    this.list = this.list.filter((n) => n.id !== id);
  }
}

export const messageOf = (error: unknown): string =>
  error instanceof ApiError
    ? error.message
    : error instanceof Error
      ? `internal error: ${error.message}`
      : String(error);

export const notices = new Notices();

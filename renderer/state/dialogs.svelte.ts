/** Questions to the user. One is asked at a time; the shell shows it. */
import { bridge } from '../api/wires.ts';
import { settings } from './settings.svelte.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** Shown as it is, for instance what would be pasted. */
  readonly details?: string;
  readonly confirm: string;
  /** Asks for a line of text, which begins as this. */
  readonly input?: string;
  readonly danger?: boolean;
}

class Dialogs {
  question: Question | null = $state.raw(null);
  palette = $state(false);
  keys = $state(false);
  private answer: (value: string | null) => void = () => {};

  /** The text that was typed (empty where none is asked for), or null. */
  ask(question: Question): Promise<string | null> {
    this.answer(null);
    this.question = question;
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }
  close(value: string | null): void {
    this.question = null;
    this.answer(value);
    this.answer = () => {};
  }

  async confirm(question: Question): Promise<boolean> {
    return (await this.ask(question)) !== null;
  }

  openLink(url: string): void {
    if (!/^https?:\/\//i.test(url)) return;
    // There the main process asks, where no page can answer for the user.
    if (bridge) {
      window.open(url, '_blank', 'noopener,noreferrer');
      return;
    }
    const text = 'The guest shows this address. Open it in the browser?';
    void this.confirm({ title: 'Open a link', text, details: url, confirm: 'Open' }).then((yes) => {
      if (yes) window.open(url, '_blank', 'noopener,noreferrer');
    });
  }
  async mayPaste(text: string): Promise<boolean> {
    const lines = text.replace(/\r?\n$/, '').split(/\r?\n/).length;
    if (lines === 1 || !settings.pasteWarning) return true;
    const details = text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
    const what = `The guest gets these ${lines} lines as if they were typed, each with Enter.`;
    return this.confirm({ title: `Paste ${lines} lines?`, text: what, details, confirm: 'Paste' });
  }
}

export const dialogs = new Dialogs();

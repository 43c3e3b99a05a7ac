/** The consoles of runs in this window. */
import type { ConsoleSummary } from '../../core/host/api.ts';
import { ConsoleSession, type SessionEnvironment } from '../views/consoles/session.svelte.ts';
import { terminalTheme } from '../views/consoles/terminal-theme.ts';
import { dialogs } from './dialogs.svelte.ts';
import { notices } from './notices.svelte.ts';
import { settings, themeInForce } from './settings.svelte.ts';
import { workbench } from './workbench.svelte.ts';

class Consoles {
  private readonly sessions = new Map<string, ConsoleSession>();
  /** Bytes that the user has seen, by run and console. */
  private seen: Readonly<Record<string, number>> = $state.raw({});
  /** Set by the shell: what keys mean. */
  takesKey: SessionEnvironment['takesKey'] = () => false;
  prefixed: SessionEnvironment['prefixed'] = () => false;

  get(run: string, console: string): ConsoleSession {
    const key = `${run}/${console}`;
    let session = this.sessions.get(key);
    if (!session) {
      session = new ConsoleSession(run, console, this.environment(), this.look());
      this.sessions.set(key, session);
      this.applyTheme(session);
      session.attach().catch((error) => notices.error(error));
    }
    return session;
  }
  private environment(): SessionEnvironment {
    return {
      client: workbench.client,
      takesKey: (event) => this.takesKey(event),
      prefixed: (key) => this.prefixed(key),
      openLink: (url) => dialogs.openLink(url),
      mayPaste: (text) => dialogs.mayPaste(text),
      failed: (error) => notices.error(error),
    };
  }
  private look(): { fontSize: number; fontFamily: string } {
    const fontFamily = getComputedStyle(document.documentElement).getPropertyValue('--font-code');
    return { fontSize: settings.fontSize, fontFamily };
  }
  private applyTheme(session: ConsoleSession): void {
    const style = getComputedStyle(document.documentElement);
    const theme = themeInForce(settings.theme, (query) => matchMedia(query).matches);
    session.terminal.options.theme = terminalTheme(theme === 'light', (name) => style.getPropertyValue(name).trim());
    session.terminal.options.fontSize = settings.fontSize;
    session.terminal.options.screenReaderMode = settings.screenReader;
    session.fit();
  }
  /** After a change of theme, font or screen-reader mode. */
  refresh(): void {
    for (const session of this.sessions.values()) this.applyTheme(session);
  }
  /** After a lost connection came back. */
  reattach(): void {
    for (const session of this.sessions.values()) session.attach().catch(() => {});
  }
  /** Gives up terminals of runs that are gone, and tells those of ended runs. */
  keepOnly(runs: readonly { readonly id: string; readonly state: string }[]): void {
    for (const [key, session] of this.sessions) {
      const run = runs.find((r) => r.id === session.run);
      if (run) session.ended = run.state === 'ended';
      else {
        session.dispose();
        this.sessions.delete(key);
      }
    }
  }

  markSeen(run: string, console: string, bytes: number): void {
    const key = `${run}/${console}`;
    if ((this.seen[key] ?? 0) < bytes) this.seen = { ...this.seen, [key]: bytes };
  }
  unread(run: string, console: ConsoleSummary): boolean {
    return console.end > (this.seen[`${run}/${console.id}`] ?? 0);
  }
}

export const consoles = new Consoles();

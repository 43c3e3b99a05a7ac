/** A small typed event source. Listeners run in the order they came; one may leave, or be added, while others run. */
export class Emitter<Events extends { [E in keyof Events]: unknown[] }> {
  private listeners: { [E in keyof Events]?: readonly ((...args: Events[E]) => void)[] } = {};

  /** Yields a function that ends the subscription. */
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): () => void {
    this.listeners[event] = [...(this.listeners[event] ?? []), listener];
    return () => {
      this.listeners[event] = this.listeners[event]?.filter((other) => other !== listener);
    };
  }
  emit<E extends keyof Events>(event: E, ...args: Events[E]): void {
    for (const listener of this.listeners[event] ?? []) listener(...args);
  }
}

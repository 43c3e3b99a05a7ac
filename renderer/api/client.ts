/** The host's interface, from a face's side: requests with answers, events, and a connection that comes back. */
import type { Failure, HostEvent, HostEvents, Method, Params, Result, ToFace } from '../../core/host/api.ts';
import { type Message, readMessage } from '../../core/host/messages.ts';

export interface Wire {
  send(text: string): void;
  close(): void;
}
export interface WireEvents {
  opened(): void;
  message(message: Message): void;
  closed(reason: string): void;
}
/** Opens a connection; may be called again when one was lost. */
export type OpenWire = (events: WireEvents) => Wire;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: Failure['code'] | 'lost';
  constructor(code: Failure['code'] | 'lost', message: string) {
    super(message);
    this.code = code;
  }
}

type Listener<E extends HostEvent> = (data: HostEvents[E]) => void;
interface Waiting {
  resolve(result: unknown): void;
  reject(error: ApiError): void;
}

const FIRST_RETRY = 300;
const LAST_RETRY = 5000;

export class Client {
  /** Called when a connection is there (again), and when it was lost. */
  onState: (open: boolean, reason: string) => void = () => {};
  private readonly openWire: OpenWire;
  private wire: Wire | null = null;
  private open = false;
  private nextId = 1;
  private retry = FIRST_RETRY;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Map<HostEvent, Set<(data: never) => void>>();

  constructor(openWire: OpenWire) {
    this.openWire = openWire;
  }

  connect(): void {
    this.wire = this.openWire({
      opened: () => {
        this.open = true;
        this.retry = FIRST_RETRY;
        this.onState(true, '');
      },
      message: (message) => this.receive(readMessage(message)),
      closed: (reason) => this.lost(reason),
    });
  }

  request<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    if (!this.open || !this.wire) return Promise.reject(new ApiError('lost', 'there is no connection to the host'));
    const id = this.nextId++;
    const answer = new Promise<Result<M>>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
    this.wire.send(JSON.stringify({ id, method, params }));
    return answer;
  }

  /** Yields a function that ends the subscription. */
  on<E extends HostEvent>(event: E, listener: Listener<E>): () => void {
    const set = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, set);
    set.add(listener as (data: never) => void);
    return () => set.delete(listener as (data: never) => void);
  }

  private receive(message: ToFace): void {
    if ('event' in message) {
      for (const listener of this.listeners.get(message.event) ?? []) listener(message.data as never);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new ApiError(message.error.code, message.error.message));
    else waiting?.resolve(message.result);
  }

  private lost(reason: string): void {
    this.open = false;
    this.wire = null;
    for (const { reject } of this.waiting.values()) reject(new ApiError('lost', 'the connection to the host was lost'));
    this.waiting.clear();
    this.onState(false, reason);
    setTimeout(() => this.connect(), this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
  }
}

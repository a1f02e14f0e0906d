export interface Position {
  epoch: string;
  offset: number;
}

/** Times in milliseconds, sizes in bytes. */
export interface Options {
  /**
   * A JWT, or a function that fetches one. It is told why: the first connection (and each later one), the last token
   * having been called expired, or a refresh in time. A function that throws is asked again at the next attempt.
   */
  token: string | ((why: 'connect' | 'expired' | 'refresh') => string | Promise<string>);
  /** How the token travels. Default: 'subprotocol'. */
  auth?: 'subprotocol' | 'message';
  /** From the attempt to connect (the token included) to `welcome`. Default: 10,000. */
  connectTimeout?: number;
  /** How long nothing may arrive before the peer is asked for a sign of life. Default: 20,000. */
  pingInterval?: number;
  /** How long the peer has to give it. Default: 8,000. */
  pongTimeout?: number;
  /** The delay before attempt n is random between 0 and min(backoffCap, backoffBase × 2^n). Default: 500. */
  backoffBase?: number;
  /** Default: 30,000. */
  backoffCap?: number;
  /** How long a connection must have been online before the attempts count from 0 again. Default: 10,000. */
  stableAfter?: number;
  /** How long before its `exp` a token is replaced on the live connection. Default: 60,000. */
  refreshBefore?: number;
  /** Messages that wait to be sent. Default: 256. */
  outboxMax?: number;
  /** What happens to one too many: it is refused as `outbox_full`, or the oldest is. Default: 'refuse'. */
  outboxPolicy?: 'refuse' | 'drop-oldest';
  /** Messages sent and not yet acknowledged. Default: 32. */
  inFlightMax?: number;
  /** A larger message is refused here, because it would cost the connection there. Default: 65,536. */
  messageMax?: number;
  /** For tests, and for Node before it had one of its own. */
  WebSocket?: new (url: string, protocols?: string[]) => WebSocket;
  clock?: {
    now(): number;
    setTimeout(call: () => void, delay: number): unknown;
    clearTimeout(timer: unknown): void;
  };
  random?: () => number;
  /** Where `offline`, `online`, `freeze`, `resume` and `pageshow` are told. Default: the window, where there is one. */
  page?: Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>;
}

export interface SendOptions {
  channel?: string;
  /**
   * The message takes the place of the one that still waits unsent with the same action, channel and key, which is refused
   * as `conflated`: for values of which only the latest counts.
   */
  key?: string;
}

export type State = 'idle' | 'connecting' | 'online' | 'waiting' | 'closed';

export interface Events {
  state: {
    state: State;
    previous: State;
    code?: number;
    reason?: string;
    /** With 'waiting': until when (in the clock's time), and for how long; longer while offline. */
    retryAt?: number;
    delay?: number;
    attempt?: number;
    /** With 'online'. */
    user?: string;
    resumed?: boolean;
  };
  welcome: {
    session: string;
    user: string;
    resume: string;
    expires_at?: number;
    ping_interval_ms: number;
    recovered?: boolean;
    last_id: number;
  };
  /** A new token has changed what is allowed. */
  renewed: { expires_at: number; scopes: string[] };
  message: {
    channel?: string;
    epoch?: string;
    offset?: number;
    from?: string;
    action: string;
    payload: unknown;
    timestamp: number;
  };
  subscribed: { channel: string; recovered: boolean; users: string[]; userCount: number };
  /** By the server too, when a new token no longer opens the channel: then it is given up. */
  unsubscribed: { channel: string };
  presence: { channel: string; joined: string[]; left: string[]; users: string[]; userCount: number };
  /** Events between the two positions were lost: the log no longer had them. */
  gap: { channel: string; from: Position; to: Position };
  refused: {
    code: string;
    id?: number;
    channel?: string;
    /** The one that would have been needed. */
    scope?: string;
    retryAfter?: number;
    pointer?: string;
    keyword?: string;
    message: string;
  };
  latency: { ms: number };
  close: { code: number; reason: string; clean: boolean; policy: 'retry' | 'token' | 'stop' };
}

export class PortcullisEvent<T = unknown> extends Event {
  readonly detail: T;
}

/**
 * `code` is one of the server's, or of this client's: `closed`, `conflated`, `not_applied` (the server's reason was lost with a connection), `message_too_big`, `outbox_full`,
 * `unsubscribed`, `not_connected`.
 */
export class PortcullisError extends Error {
  readonly code: string;
  readonly id?: number;
  readonly channel?: string;
  readonly scope?: string;
  readonly retryAfter?: number;
  readonly pointer?: string;
  readonly keyword?: string;
}

export class Portcullis extends EventTarget {
  constructor(url: string | URL, options: Options);
  /** 'waiting' is for the next attempt, 'closed' for good, until `connect`. */
  readonly state: State;
  /** Who the server says this is, once welcome. */
  readonly user: string | undefined;
  /** Messages that no answer has come for: waiting and in flight. */
  readonly pending: number;
  /** The users known to be present on a channel, in order of arrival. */
  users(channel: string): string[];
  /** How many are present: more than `users` lists, on a large channel. */
  userCount(channel: string): number;
  /** Connects, or cuts the wait for the next attempt short. */
  connect(): void;
  /** Ends the session. What is still pending is refused as `closed`; `connect` begins a new one on the same channels. */
  close(code?: number, reason?: string): void;
  /**
   * Sends one message. Resolves when the server has acknowledged it, rejects with a PortcullisError when it was refused. It
   * survives reconnects; should the session be lost meanwhile, it may arrive twice, but never not at all.
   */
  send(action: string, payload?: unknown, options?: SendOptions): Promise<{ id: number }>;
  /** Receives a channel from now on, over reconnects too. Resolves when the server agrees for the first time. */
  subscribe(channel: string): Promise<void>;
  /** No longer receives a channel; what is on its way may still come. */
  unsubscribe(channel: string): void;
  /** Sends text or bytes as they are, unqueued and unchecked: for tests that misbehave on purpose. */
  sendRaw(data: string | ArrayBufferLike | ArrayBufferView): void;
  /** Measures the round trip now; the result comes as `latency`. */
  ping(): void;
  addEventListener<K extends keyof Events>(
    type: K,
    listener: (event: PortcullisEvent<Events[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

export function closePolicy(code: number, reason: string): 'retry' | 'token' | 'stop';
export function backoff(attempt: number, random: () => number, base?: number, cap?: number): number;

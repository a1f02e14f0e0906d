// The browser client of Portcullis: one file, no dependencies; it also runs in Node 20 with any standard WebSocket.
//
// It keeps one session alive over many connections, as README.md says; the wire protocol is in PROTOCOL.md.

/** What may be changed, with its default; portcullis.d.ts says what each is. Times in milliseconds, sizes in bytes. */
const DEFAULTS = {
  auth: 'subprotocol',
  connectTimeout: 10_000,
  pingInterval: 20_000,
  pongTimeout: 8_000,
  backoffBase: 500,
  backoffCap: 30_000,
  stableAfter: 10_000,
  refreshBefore: 60_000,
  outboxMax: 256,
  outboxPolicy: 'refuse',
  inFlightMax: 32,
  messageMax: 65_536,
};

const SUBPROTOCOL = 'portcullis.v1';
const RETRIED = new Set([1001, 1006, 1011, 1012, 1013, 4408, 4430]);
const NEVER_OF_A_SUBSCRIPTION = new Set(['not_subscribed', 'stale', 'unknown_user', 'event_too_big']);
const TIMER_MAX = 2 ** 31 - 1;
const PAUSE_MAX = 30_000;
const SLOT_MAX = 600_000;
/** What a page is told about itself and the network. */
const TOLD = ['offline', 'online', 'freeze', 'resume', 'pageshow'];

/** A message that the server, or this client on its behalf, refused. `code` is stable. */
export class PortcullisError extends Error {
  constructor(code, message = code, fields = {}) {
    super(message);
    this.name = 'PortcullisError';
    this.code = code;
    Object.assign(this, fields);
  }
}

/** An event of this client; `detail` is its content. */
export class PortcullisEvent extends Event {
  constructor(type, detail) {
    super(type);
    this.detail = detail;
  }
}

/** What to do when a connection ended with `code` and `reason`: 'retry', 'token' (retry with a new one) or 'stop'. */
export function closePolicy(code, reason) {
  if (code === 4401 && reason === 'expired') return 'token';
  return RETRIED.has(code) ? 'retry' : 'stop';
}

/** The delay before attempt number `attempt` (0, 1, 2 …): full jitter, so that many clients do not return together. */
export function backoff(attempt, random, base = DEFAULTS.backoffBase, cap = DEFAULTS.backoffCap) {
  return Math.floor(random() * Math.min(cap, base * 2 ** Math.min(attempt, 30)));
}

/** `exp` of a JWT in milliseconds, unverified: only to know when to ask for the next one. */
function expiryOf(token) {
  try {
    const claims = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(atob(claims)).exp * 1000;
  } catch {
    return undefined;
  }
}

/** The slot that a restarting server's close reason gives: `retry_after_ms`. */
function slotOf(code, reason) {
  try {
    const ms = code === 1012 ? JSON.parse(reason).retry_after_ms : undefined;
    return ms >= 0 ? Math.min(ms, SLOT_MAX) : undefined;
  } catch {
    return undefined;
  }
}

const systemClock = {
  now: () => Date.now(),
  setTimeout: (call, delay) => setTimeout(call, delay),
  clearTimeout: (timer) => clearTimeout(timer),
};

/**
 * A session with a Portcullis server.
 *
 * Events: `state`, `welcome`, `renewed`, `message`, `presence`, `subscribed`, `unsubscribed`, `gap`, `refused`, `latency`,
 * `close`.
 */
export class Portcullis extends EventTarget {
  #url;
  #options;
  #clock;
  #random;
  #page;
  #WebSocket;
  #tokenOf;

  #state = 'idle';
  #socket = null;
  #serial = 0; // Of the attempt: what belongs to an older one is ignored.
  #attempt = 0;
  #retryAt = 0;
  #offline = false; // So the page was told.
  #timers = new Map();
  #token; // The last one used, never stored anywhere else.
  #expired; // The one that the server called expired.
  #session = null; // { session, resume, user }: what resumes.
  #resumed = null; // The channels named when resuming.

  #lastId = 0;
  #queue = []; // Not sent yet.
  #inFlight = []; // Sent, not acknowledged: leaves only by an answer.
  #unattributed = 0; // Refusals without an id: the bucket was empty before the message was read.
  #paused = false;

  #channels = new Map(); // name → { position, users, count, asked, waiters }
  #released = new Set(); // Unsubscribed while offline: the session may still hold them.
  #received = 0; // When something arrived last.
  #pingSent = 0; // 0: none is out.
  #heard = false; // Whether anything arrived since.

  /**
   * @param {string|URL} url `wss://host/ws`
   * @param {object} options `token`: a JWT, or a function that fetches one; `WebSocket`, `clock`, `random`, `page`: for
   *   tests; the rest is in DEFAULTS
   */
  constructor(url, options) {
    super();
    const { token, WebSocket = globalThis.WebSocket, clock = systemClock, random = Math.random, page = globalThis, ...rest } = options;
    for (const name of Object.keys(rest)) {
      if (!(name in DEFAULTS)) throw new TypeError(`unknown option ${name}`);
    }
    this.#url = new URL(url);
    this.#options = { ...DEFAULTS, ...rest };
    this.#clock = clock;
    this.#random = random;
    this.#page = page;
    this.#WebSocket = WebSocket;
    this.#tokenOf = typeof token === 'function' ? token : () => token;
  }

  // What each of these is for is said in portcullis.d.ts.

  get state() { return this.#state; }

  get user() { return this.#session?.user; }

  get pending() { return this.#queue.length + this.#inFlight.length; }

  users(channel) { return [...(this.#channels.get(channel)?.users ?? [])]; }

  userCount(channel) { return this.#channels.get(channel)?.count ?? 0; }

  connect() {
    if (this.#state === 'connecting' || this.#state === 'online') return;
    if (this.#state === 'closed') this.#attempt = 0;
    this.#open();
  }

  close(code = 1000, reason = '') {
    this.#drop(code, reason);
    this.#session = null;
    this.#stop({ code, reason, clean: true, local: true });
  }

  send(action, payload = {}, { channel, key } = {}) {
    return new Promise((resolve, reject) => {
      const entry = { action, payload, channel, key, id: 0, resolve, reject };
      if (this.#state === 'closed') return reject(new PortcullisError('closed'));
      const len = new TextEncoder().encode(this.#encode(entry, Number.MAX_SAFE_INTEGER)).length;
      if (len > this.#options.messageMax) {
        return reject(new PortcullisError('message_too_big', undefined, { len, lenMax: this.#options.messageMax }));
      }
      const same = (other) => other.key === key && other.action === action && other.channel === channel;
      const at = key === undefined ? -1 : this.#queue.findIndex(same);
      if (at >= 0) return this.#queue.splice(at, 1, entry)[0].reject(new PortcullisError('conflated'));
      if (this.#queue.length >= this.#options.outboxMax) {
        if (this.#options.outboxPolicy !== 'drop-oldest') return reject(new PortcullisError('outbox_full'));
        this.#queue.shift().reject(new PortcullisError('outbox_full'));
      }
      this.#queue.push(entry);
      this.#flush();
    });
  }

  subscribe(channel) {
    return new Promise((resolve, reject) => {
      const entry = this.#channelOf(channel, false);
      if (entry.live && entry.wanted) return resolve();
      this.#released.delete(channel);
      entry.wanted = true;
      entry.waiters.push({ resolve, reject });
      if (this.#state === 'online' && !entry.asked) this.#ask(channel, entry);
    });
  }

  unsubscribe(channel) {
    const entry = this.#channels.get(channel);
    if (!entry) return;
    this.#settle(entry, new PortcullisError('unsubscribed'));
    this.#channels.delete(channel);
    if (this.#state === 'online') this.#write({ type: 'unsubscribe', channel });
    else this.#released.add(channel);
  }

  sendRaw(data) {
    if (this.#state !== 'online') throw new PortcullisError('not_connected');
    this.#socket.send(data);
  }

  ping() {
    if (this.#state !== 'online' || this.#pingSent) return;
    this.#pingSent = this.#clock.now();
    this.#heard = false;
    this.#write({ action: 'ping', payload: {}, timestamp: this.#pingSent });
    this.#after('pong', this.#options.pongTimeout, () => this.#pongDue());
  }

  // --- one connection ---

  async #open() {
    const serial = ++this.#serial;
    this.#clear();
    for (const type of TOLD) this.#page.addEventListener?.(type, this.#told, true);
    this.#after('connect', this.#options.connectTimeout, () => this.#lost(1006, 'connect_timeout'));
    this.#enter('connecting', { attempt: this.#attempt });
    const token = await this.#fetchToken(this.#expired === undefined ? 'connect' : 'expired');
    if (serial !== this.#serial) return; // Closed, or timed out, meanwhile.
    if (!token) return this.#lost(1006, 'no_token'); // Its source is out of reach: later, perhaps.
    // The same token once more would be refused once more.
    if (token === this.#expired) return this.#stop({ code: 4401, reason: 'expired' });
    this.#token = token;
    this.#connectWith(serial, token);
  }

  #connectWith(serial, token) {
    const url = new URL(this.#url);
    if (this.#session) url.searchParams.set('resume', '1');
    const early = this.#options.auth === 'subprotocol';
    let socket;
    try {
      socket = new this.#WebSocket(url.href, early ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL]);
    } catch {
      return this.#stop({ code: 1006, reason: 'bad_url_or_token' });
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const current = (call) => (event) => serial === this.#serial && call(event);
    socket.onopen = current(() => this.#greet(early ? undefined : token));
    socket.onmessage = current((event) => this.#receive(event.data));
    socket.onclose = current((event) => this.#ended(event));
    socket.onerror = () => {}; // A close always follows, and says more.
  }

  /** The first message, where one is needed: with the token, with what resumes, or with both. */
  #greet(token) {
    const hello = { type: 'auth', token };
    if (this.#session) {
      const channels = {};
      for (const [name, { position, wanted }] of this.#channels) {
        if (position && (wanted || name === `user:${this.user}`)) channels[name] = position;
      }
      this.#resumed = new Set(Object.keys(channels));
      hello.resume = { session: this.#session.session, token: this.#session.resume, channels };
    }
    if (token !== undefined || hello.resume) this.#write(hello);
  }

  /** The transport is gone, without a word from the peer. */
  #lost(code, reason) {
    this.#drop(4000, reason);
    this.#ended({ code, reason });
  }

  /** Lets go of the socket: a dead peer never answers the closing handshake, so that nobody waits for it. */
  #drop(code, reason) {
    const socket = this.#socket;
    this.#socket = null;
    this.#serial++;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code, reason);
    } catch {
      // It was not open yet, or is closed already.
    }
  }

  #ended({ code, reason = '', wasClean = false }) {
    const serial = ++this.#serial;
    this.#socket = null;
    this.#clear();
    for (const entry of this.#channels.values()) entry.live = entry.asked = false;
    const policy = closePolicy(code, reason);
    this.#emit('close', { code, reason, clean: wasClean, policy });
    if (serial !== this.#serial) return; // Closed by who was told.
    if (policy === 'stop') return this.#stop({ code, reason });
    if (policy === 'token') this.#expired = this.#token;
    const jitter = backoff(this.#attempt, this.#random, this.#options.backoffBase, this.#options.backoffCap);
    const slot = slotOf(code, reason);
    // The server has spread the slots: the first attempt keeps to its own exactly.
    const delay = this.#attempt === 0 ? (slot ?? jitter) : Math.max(slot ?? 0, jitter);
    this.#attempt += 1;
    this.#retryAt = this.#clock.now() + delay;
    this.#wait();
    this.#enter('waiting', { code, reason, delay, retryAt: this.#retryAt, attempt: this.#attempt });
  }

  /** Nothing is tried while offline; and a timer that slept is set by the clock. */
  #wait() {
    if (this.#offline) this.#cancel('retry');
    else this.#after('retry', Math.max(this.#retryAt - this.#clock.now(), 0), () => this.#open());
  }

  #told = ({ type, persisted }) => {
    if (type === 'pageshow' && !persisted) return;
    // The browser would say goodbye for a frozen page, and that ends the session.
    if (type === 'freeze') return this.#socket && this.#lost(1006, 'frozen');
    if (type === 'offline') this.#offline = true;
    else if (type === 'online') this.#offline = false;
    else this.#pingSent = 0; // Whatever was asked before the freeze is asked anew.
    if (this.#state === 'waiting') return type === 'online' ? this.#open() : this.#wait();
    if (type !== 'online') this.ping();
  };

  #stop(detail) {
    this.#serial++;
    this.#clear();
    for (const type of TOLD) this.#page.removeEventListener?.(type, this.#told, true);
    this.#offline = false;
    if (this.#state === 'closed') return;
    const left = [...this.#inFlight.splice(0), ...this.#queue.splice(0)];
    this.#enter('closed', detail);
    const error = new PortcullisError('closed', `closed: ${detail.code} ${detail.reason}`, { close: detail });
    for (const entry of left) entry.reject(error);
    for (const entry of this.#channels.values()) {
      entry.live = entry.asked = false;
      this.#settle(entry, error);
    }
  }

  // --- what arrives ---

  #receive(data) {
    this.#received = this.#clock.now();
    this.#heard = true;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // Not for this version of the protocol.
    }
    // A switch, not a table: what the peer writes is no key into an object of ours.
    switch (message?.type) {
      case 'welcome': return this.#welcome(message);
      case 'subscribed': return this.#subscribed(message);
      case 'unsubscribed': return this.#unsubscribed(message);
      case 'presence': return this.#presence(message);
      case 'renewed':
        this.#refreshAt(message.expires_at * 1000);
        return this.#emit('renewed', message);
      case 'event': return this.#event(message);
      case 'ack': return this.#answered(message.id);
      case 'error': return this.#refused(message);
    }
  }

  #welcome(message) {
    this.#cancel('connect');
    this.#expired = undefined;
    const resumed = message.recovered === true && this.#session?.session === message.session;
    this.#session = { session: message.session, resume: message.resume, user: message.user };
    this.#lastId = resumed ? Math.max(this.#lastId, message.last_id) : message.last_id;
    // What was in flight goes first again, in its order.
    const again = this.#inFlight.splice(0);
    const applied = resumed ? again.filter(({ id }) => id <= message.last_id) : [];
    const rest = again.filter((entry) => !applied.includes(entry));
    // A number of the old session means nothing in a new one.
    if (!resumed) for (const entry of rest) entry.id = 0;
    this.#queue.unshift(...rest);
    for (const entry of applied) {
      // The answer was lost with its connection: what the server did not apply it refused.
      if (message.skipped?.includes(entry.id)) this.#refuse(entry, this.#unattributed-- > 0 ? 'rate_limited' : 'not_applied');
      else entry.resolve({ id: entry.id });
    }
    this.#unattributed = 0;
    this.#paused = true; // Until the channels are asked for, whatever is sent by who is told now.
    this.#enter('online', { user: message.user, resumed });
    this.#emit('welcome', message);
    if (!this.#socket) return;
    this.#after('stable', this.#options.stableAfter, () => (this.#attempt = 0));
    this.#refreshAt(message.expires_at * 1000);
    this.#watch();
    for (const [name, entry] of this.#channels) {
      // A resumed session subscribes to what was named by itself.
      if (!entry.wanted) continue;
      if (resumed && this.#resumed?.has(name)) entry.asked = true;
      else if (!entry.asked) this.#ask(name, entry);
    }
    if (resumed) for (const channel of this.#released) this.#write({ type: 'unsubscribe', channel });
    this.#released.clear();
    this.#resumed = null;
    this.#paused = false;
    this.#flush();
  }

  #subscribed({ channel, epoch, offset, recovered, users = [], user_count: count = users.length }) {
    const entry = this.#channelOf(channel);
    const known = entry.position;
    if (!(recovered && known?.epoch === epoch)) {
      if (known && !(known.epoch === epoch && known.offset === offset)) {
        this.#emit('gap', { channel, from: known, to: { epoch, offset } });
      }
      entry.position = { epoch, offset };
    }
    entry.live = true;
    entry.asked = false;
    entry.users = new Set(users);
    entry.count = count;
    this.#settle(entry);
    this.#emit('subscribed', { channel, recovered, users, userCount: count });
  }

  #unsubscribed(message) {
    // While it is asked for, this answers an earlier `unsubscribe`.
    if (this.#channels.get(message.channel)?.live) this.#channels.delete(message.channel);
    this.#emit('unsubscribed', message);
  }

  #presence({ channel, joined = [], left = [] }) {
    const entry = this.#channelOf(channel);
    for (const user of joined) {
      if (!entry.users.has(user)) entry.count += 1;
      entry.users.add(user);
    }
    for (const user of left) {
      entry.users.delete(user);
      entry.count = Math.max(entry.users.size, entry.count - 1);
    }
    this.#emit('presence', { channel, joined, left, users: [...entry.users], userCount: entry.count });
  }

  #event(message) {
    const { channel, epoch, offset } = message;
    if (channel === undefined) {
      if (message.action === 'ping' && this.#pingSent) {
        const latency = this.#clock.now() - this.#pingSent;
        this.#pingSent = 0;
        this.#cancel('pong');
        this.#emit('latency', { ms: latency });
      }
      return this.#emit('message', message);
    }
    if (offset !== undefined) {
      const entry = this.#channelOf(channel);
      const known = entry.position;
      if (known?.epoch === epoch) {
        if (offset <= known.offset) return; // Seen before the reconnect.
        if (offset > known.offset + 1) this.#emit('gap', { channel, from: known, to: { epoch, offset: offset - 1 } });
      } else if (known) {
        this.#emit('gap', { channel, from: known, to: { epoch, offset: offset - 1 } });
      }
      entry.position = { epoch, offset };
    }
    this.#emit('message', message);
  }

  #answered(id) {
    const at = this.#inFlight.findIndex((entry) => entry.id === id);
    if (at < 0) return;
    const [entry] = this.#inFlight.splice(at, 1);
    entry.resolve({ id });
    // Answers come in order: what is older and unanswered is what the refusals without an id were about.
    this.#attribute((older) => older.id < id);
    this.#flush();
  }

  #refused({ id, code, channel, scope, retry_after_ms: retryAfter, pointer, keyword }) {
    const fields = { id, channel, scope, retryAfter, pointer, keyword };
    const error = new PortcullisError(code, pointer === undefined ? code : `${code}: ${keyword} at ${pointer || '/'}`, fields);
    if (code === 'rate_limited') this.#pause(retryAfter ?? 1000);
    const at = id === undefined ? -1 : this.#inFlight.findIndex((entry) => entry.id === id);
    if (at >= 0) {
      this.#inFlight.splice(at, 1)[0].reject(error);
    } else if (id === undefined) {
      this.#refusedUnnamed(error);
    }
    this.#emit('refused', { code, ...fields, message: error.message });
    this.#flush();
  }

  /** A refusal that names no message: of a subscription, or of a message that was not read at all. */
  #refusedUnnamed(error) {
    if (error.code === 'rate_limited') {
      if (this.#inFlight.length > 0) {
        this.#unattributed = Math.min(this.#unattributed + 1, this.#inFlight.length);
        // Should no later answer come, silence tells the same.
        this.#after('unattributed', (error.retryAfter ?? 1_000) + 2_000, () => {
          this.#attribute();
          this.#flush();
        });
      }
      return;
    }
    if (NEVER_OF_A_SUBSCRIPTION.has(error.code)) return;
    for (const [name, entry] of this.#channels) {
      if (!entry.asked || (error.channel ?? name) !== name) continue;
      this.#channels.delete(name);
      return this.#settle(entry, error);
    }
  }

  #refuse(entry, code) { entry.reject(new PortcullisError(code, undefined, { id: entry.id })); }

  /** Refusals that named nothing were about the oldest. */
  #attribute(isIt = () => true) {
    while (this.#unattributed > 0 && this.#inFlight.length > 0 && isIt(this.#inFlight[0])) {
      this.#unattributed -= 1;
      this.#refuse(this.#inFlight.shift(), 'rate_limited');
    }
  }

  // --- what is sent ---

  #flush() {
    if (this.#state !== 'online' || this.#paused) return;
    while (this.#queue.length > 0 && this.#inFlight.length < this.#options.inFlightMax) {
      const entry = this.#queue.shift();
      // Numbered when it is first sent, so that the numbers rise in the order of sending.
      entry.id ||= ++this.#lastId;
      this.#inFlight.push(entry);
      this.#socket.send(this.#encode(entry, entry.id));
    }
  }

  #encode({ action, payload, channel }, id) {
    return JSON.stringify({ action, payload, timestamp: this.#clock.now(), channel, id });
  }

  #write(message) { this.#socket.send(JSON.stringify(message)); }

  /** Asks for a channel, from the last position seen. */
  #ask(channel, entry) {
    entry.asked = true;
    entry.live = false;
    this.#write({ type: 'subscribe', channel, since: entry.position ?? undefined });
  }

  /** The bucket is empty: what waits goes on waiting, and a subscription that was not read is asked for again. */
  #pause(delay) {
    delay = Math.min(delay, PAUSE_MAX);
    this.#paused = true;
    this.#after('pause', delay, () => {
      this.#paused = false;
      for (const [name, entry] of this.#channels) if (entry.asked && !entry.live) this.#ask(name, entry);
      this.#flush();
    });
  }

  // --- time ---

  /** Asks whether the peer is alive when nothing has come for a while: a page cannot send a ping frame. */
  #watch() {
    this.#received = this.#clock.now();
    this.#pingSent = 0;
    const look = () => {
      const left = this.#received + this.#options.pingInterval - this.#clock.now();
      if (left <= 0) this.ping();
      this.#after('watch', left > 0 ? left : this.#options.pingInterval, look);
    };
    look();
  }

  #pongDue() {
    this.#pingSent = 0;
    // Anything that came proves life, even when the ping itself was refused.
    if (!this.#heard) this.#lost(1006, 'no_answer');
  }

  /** A live connection is closed when its token expires; a new one in time keeps it. */
  #refreshAt(expiry) {
    if (!Number.isFinite(expiry)) return;
    const left = expiry - this.#clock.now();
    const delay = Math.max(left - this.#options.refreshBefore, left / 2, 0);
    this.#after('refresh', delay, async () => {
      const serial = this.#serial;
      const token = await this.#fetchToken('refresh');
      // No other token to be had: the server closes with `expired`, and the next attempt asks again.
      if (serial !== this.#serial || !token || token === this.#token) return;
      this.#token = token;
      this.#write({ type: 'auth', token });
      this.#refreshAt(expiryOf(token));
    });
  }

  async #fetchToken(why) {
    try {
      return await this.#tokenOf(why);
    } catch {
      return undefined;
    }
  }

  #after(name, delay, call) {
    this.#cancel(name);
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(name);
      call();
    }, Math.min(delay, TIMER_MAX));
    this.#timers.set(name, timer);
  }

  #cancel(name) {
    this.#clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clear() { for (const name of [...this.#timers.keys()]) this.#cancel(name); }

  // --- the rest ---

  /** What is not wanted and live is the user's own channel, to which the server subscribes by itself. */
  #channelOf(channel, live = true) {
    let entry = this.#channels.get(channel);
    if (!entry) {
      entry = { position: null, users: new Set(), count: 0, waiters: [], live, asked: false, wanted: false };
      this.#channels.set(channel, entry);
    }
    return entry;
  }

  #settle(entry, error) {
    for (const { resolve, reject } of entry.waiters.splice(0)) {
      if (error) reject(error);
      else resolve();
    }
  }

  #enter(state, detail = {}) {
    const previous = this.#state;
    this.#state = state;
    this.#emit('state', { state, previous, ...detail });
  }

  #emit(type, detail) { this.dispatchEvent(new PortcullisEvent(type, detail)); }
}

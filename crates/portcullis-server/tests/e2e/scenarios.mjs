// Runs one scenario of `crates/portcullis-client/scenarios` (its README has the steps) against portcullis.js, in virtual
// time. It imports nothing, so that it also runs inside a page.

const START = 1_753_000_000_000;
/** Where in its range a random delay falls; 0 itself would pass through `waiting` before anyone can look. */
export const JITTERS = [0.004, 0.5, 0.999_999];

/** A clock that moves only when told to. */
export class Clock {
  time = START;
  #timers = new Map();
  #next = 1;
  now = () => this.time;
  setTimeout = (call, delay) => (this.#timers.set(this.#next, { at: this.time + delay, call }), this.#next++);
  clearTimeout = (id) => void this.#timers.delete(id);
  get armed() {
    return this.#timers.size;
  }
  async advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].call();
      await settled();
    }
    this.time = end;
    await settled();
  }
}

/** Everything that waits for a promise and not for time has gone on; without a task of its own, which a page may delay. */
export async function settled() {
  for (let turn = 0; turn < 32; turn += 1) await undefined;
}

const camel = (name) => name.replace(/_ms$/, '').replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const say = (value) => JSON.stringify(value);

function equal(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.keys(a), Object.keys(b)];
  return left.length === right.length && left.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}

function check(good, message) {
  if (!good) throw new Error(message);
}

/** The client and the world around it, as a scenario sees them. */
class World {
  clock = new Clock();
  page = new EventTarget();
  sockets = [];
  dials = [];
  sent = [];
  events = [];
  outcomes = new Map();
  token = 'T1';
  delay;

  constructor(Portcullis, options, jitter) {
    const world = this;
    class FakeWebSocket {
      dropped = false;
      constructor(href, protocols) {
        world.sockets.push(this);
        world.dials.push({
          resume: new URL(href).searchParams.get('resume') === '1',
          bearer: protocols[1]?.replace(/^bearer\./, '') ?? null,
        });
      }
      send(data) {
        const { timestamp, ...message } = JSON.parse(data);
        check(!('action' in message) || timestamp === world.clock.time, `a timestamp that is not now: ${data}`);
        world.sent.push(message);
      }
      close() {
        this.dropped = true;
      }
    }
    this.client = new Portcullis('wss://host/ws', {
      ...Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value])),
      token: async () => this.token ?? Promise.reject(new Error('out of reach')),
      WebSocket: FakeWebSocket,
      clock: this.clock,
      random: () => jitter,
      page: this.page,
    });
    for (const kind of ['message', 'gap', 'presence', 'subscribed', 'unsubscribed', 'refused']) {
      this.client.addEventListener(kind, ({ detail }) => this.events.push({ kind, detail }));
    }
    this.client.addEventListener('state', ({ detail }) => (this.delay = detail.delay));
  }

  get socket() {
    return this.sockets.at(-1);
  }

  async take(step) {
    if (step.do) this.#do(step);
    else if (step.server) this.#server(step);
    else if (step.advance !== undefined) await this.clock.advance(step.advance);
    else if (step.freeze !== undefined) this.clock.time += step.freeze;
    else return this.#expect(step);
    await settled();
  }

  #do({ do: what, channel, action, payload, key, token, as }) {
    const { client, page } = this;
    switch (what) {
      case 'connect': return client.connect();
      case 'close': return client.close();
      case 'subscribe': return void client.subscribe(channel).catch(() => {});
      case 'unsubscribe': return client.unsubscribe(channel);
      case 'offline': return page.dispatchEvent(new Event('offline'));
      case 'online': return page.dispatchEvent(new Event('online'));
      case 'wake': return page.dispatchEvent(new Event('resume'));
      case 'token': return void (this.token = token);
      case 'send':
        this.outcomes.set(as, 'pending');
        return void client.send(action, payload, { channel, key }).then(
          () => this.outcomes.set(as, 'acknowledged'),
          ({ code }) => this.outcomes.set(as, `refused ${code}`),
        );
      default: throw new Error(`unknown step ${what}`);
    }
  }

  #server({ server: what, message, code = 1006, reason = '' }) {
    const { socket } = this;
    // What a peer says to a transport that the client has let go of reaches nobody.
    switch (what) {
      case 'accept': return socket.onopen?.({});
      case 'say': return socket.onmessage?.({ data: JSON.stringify(message) });
      case 'fail':
      case 'cut':
      case 'close': return socket.onclose?.({ code, reason, wasClean: code !== 1006 });
      default: throw new Error(`unknown step ${what}`);
    }
  }

  #expect({ expect, ...wanted }) {
    switch (expect) {
      case 'dial': return this.#next('dial', this.dials, wanted);
      case 'sent': return this.#next('message', this.sent, wanted.message);
      case 'silence': return check(this.sent.length === 0, `sent ${say(this.sent)}`);
      case 'state': return this.#state(wanted);
      case 'event': return this.#event(wanted);
      case 'no_event': return check(!this.events.some(({ kind }) => kind === wanted.event), `events ${say(this.events)}`);
      case 'settled': return this.#outcome(wanted.message, wanted.code ? `${wanted.as} ${wanted.code}` : wanted.as);
      case 'pending': return this.#outcome(wanted.message, 'pending');
      case 'dropped': return check(this.socket.dropped, 'the transport is still held');
      default: throw new Error(`unknown step ${expect}`);
    }
  }

  #next(what, list, wanted) {
    const got = list.shift();
    check(equal(got, wanted), `the next ${what} is ${say(got)}`);
  }

  #state({ state, delay_min: least = 0, delay_max: most = Infinity }) {
    check(this.client.state === state, `the state is ${this.client.state}`);
    if (state === 'waiting') check(this.delay >= least && this.delay <= most, `the delay is ${this.delay}`);
  }

  #event({ event, ...wanted }) {
    const at = this.events.findIndex(({ kind }) => kind === event);
    check(at >= 0, 'there was none');
    const [{ detail }] = this.events.splice(at, 1);
    for (const [name, value] of Object.entries(wanted)) check(equal(detail[camel(name)], value), `it is ${say(detail)}`);
  }

  #outcome(message, wanted) {
    check(this.outcomes.get(message) === wanted, `it is ${this.outcomes.get(message)}`);
  }
}

/** Takes every step, once for each of a few outcomes of chance. Throws with the step that does not hold. */
export async function run({ name, options = {}, steps }, { Portcullis, jitters = JITTERS }) {
  for (const jitter of jitters) {
    const world = new World(Portcullis, options, jitter);
    for (const [at, step] of steps.entries()) {
      try {
        await world.take(step);
      } catch (error) {
        throw new Error(`“${name}”, step ${at + 1}, ${say(step)}, with chance ${jitter}: ${error.message}`);
      }
    }
    const left = say([...world.dials, ...world.sent]);
    check(left === '[]', `“${name}”, at its end, with chance ${jitter}: unread ${left}`);
    world.client.close();
  }
}

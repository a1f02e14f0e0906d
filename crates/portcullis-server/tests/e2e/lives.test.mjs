// portcullis.js through random lives, in virtual time: cuts, freezes, lost sessions and refusals, each by its chance.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Portcullis } from '../../web/portcullis.js';
import { Clock } from './scenarios.mjs';

/** Chance that repeats itself: mulberry32. */
const chance = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

/** A server with one channel and one session, which applies each id once, over connections that lose what is under way. */
class Server {
  log = []; // The texts; offset n is log[n - 1].
  refused = new Set();
  first = 1; // The oldest offset that the log still has.
  session = null; // { id, lastId, subscribed }
  sessions = 0;
  socket = null;
  constructor(clock, random) {
    Object.assign(this, { clock, random });
  }
  later(call) {
    this.clock.setTimeout(call, Math.floor(this.random() * 30));
  }
  /** In order, as on a stream: each thing is handed over when its turn comes, if the connection still stands. */
  hand(queue, call) {
    queue.push(call);
    this.later(() => queue.shift()?.());
  }
  opened(socket) {
    if (this.random() < 0.2) return this.later(() => socket.onclose?.({ code: 1006, reason: '' }));
    this.later(() => {
      socket.onopen?.({});
      if (!socket.url.includes('resume')) this.welcome(socket);
    });
  }
  say(socket, message) {
    this.hand(socket.down, () => socket.onmessage?.({ data: JSON.stringify(message) }));
  }
  cut(code = 1006) {
    if (!this.socket) return;
    const { socket } = this;
    this.socket = null;
    socket.up.length = socket.down.length = 0;
    socket.onclose?.({ code, reason: '' });
  }
  welcome(socket, resume) {
    const known = resume && this.session?.id === resume.session;
    if (!known) this.session = { id: `S${(this.sessions += 1)}`, lastId: 0, subscribed: false };
    this.socket = socket;
    const { id: session, lastId: last_id } = this.session;
    this.say(socket, { type: 'welcome', session, user: 'alice', resume: 'R', ...(resume && { recovered: known }), last_id });
    this.session.subscribed = false;
    if (known && resume.channels.c) this.subscribe(socket, resume.channels.c);
  }
  subscribe(socket, since) {
    const recovered = since !== undefined && since.offset >= this.first - 1;
    const from = recovered ? since.offset : this.log.length;
    this.session.subscribed = true;
    this.say(socket, { type: 'subscribed', channel: 'c', epoch: 'E', offset: from, recovered, users: [], user_count: 0 });
    for (let offset = from + 1; offset <= this.log.length; offset += 1) this.tell(socket, offset);
  }
  tell(socket, offset) {
    this.say(socket, {
      type: 'event', channel: 'c', epoch: 'E', offset, from: 'bob', action: 'chat', payload: { text: this.log[offset - 1] }, timestamp: 1,
    });
  }
  publish(text) {
    this.log.push(text);
    if (this.socket && this.session.subscribed) this.tell(this.socket, this.log.length);
  }
  receive(socket, message) {
    if (socket.closed) return;
    if (message.type === 'auth') return this.welcome(socket, message.resume);
    if (this.socket !== socket) return;
    if (message.type === 'subscribe') return this.subscribe(socket, message.since);
    if (message.action === 'ping') return this.say(socket, { type: 'event', action: 'ping', payload: {}, timestamp: 1 });
    if (message.id > this.session.lastId) {
      assert.equal(message.id, this.session.lastId + 1, 'numbers without holes');
      this.session.lastId = message.id;
      if (this.random() < 0.05) {
        this.refused.add(message.payload.text);
        return this.say(socket, { type: 'error', code: 'rate_limited', id: message.id, retry_after_ms: 40 });
      }
      this.publish(message.payload.text);
    }
    this.say(socket, { type: 'ack', id: message.id });
  }
}

for (const [what, lossy] of [['a kept session', false], ['sessions lost and logs cut now and then', true]]) {
  test(`200 random lives with ${what}: nothing is lost, doubled or out of order in silence`, async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = chance(seed + (lossy ? 1_000 : 0));
      const clock = new Clock();
      const server = new Server(clock, random);
      class Wire {
        up = [];
        down = [];
        constructor(url) {
          this.url = url;
          server.opened(this);
        }
        send(data) {
          server.hand(this.up, () => server.receive(this, JSON.parse(data)));
        }
        close() {
          this.closed = true;
          if (server.socket === this) server.socket = null;
        }
      }
      const page = new EventTarget();
      const client = new Portcullis('wss://host/ws', {
        token: 't', WebSocket: Wire, clock, random, page, connectTimeout: 200, pingInterval: 300, pongTimeout: 100,
        backoffBase: 10, backoffCap: 100, stableAfter: 500, inFlightMax: 4,
      });
      const seen = []; // Messages, and gaps with their bounds.
      client.addEventListener('message', ({ detail: { channel, offset, payload } }) => {
        if (channel === 'c') seen.push({ from: offset, to: offset, text: payload.text });
      });
      client.addEventListener('gap', ({ detail: { from, to } }) => seen.push({ from: from.offset + 1, to: to.offset }));
      client.connect();
      client.subscribe('c');
      const results = new Map();
      for (let n = 1; n <= 60; n += 1) {
        const dice = random();
        if (dice < 0.5) client.send('chat', { text: `a${n}` }, { channel: 'c' }).then(() => results.set(`a${n}`, 'ack'), ({ code }) => results.set(`a${n}`, code));
        else if (dice < 0.65) server.publish(`b${n}`);
        else if (dice < 0.8) server.cut([1006, 1001, 1011, 4430][Math.floor(random() * 4)]);
        else if (dice < 0.9) page.dispatchEvent(new Event(['offline', 'online', 'freeze', 'resume'][Math.floor(random() * 4)]));
        else if (lossy && dice < 0.93) server.session = null, server.cut();
        else if (lossy && dice < 0.96) server.first = Math.max(server.first, server.log.length - 1);
        await clock.advance(Math.floor(random() * 80));
      }
      page.dispatchEvent(new Event('online'));
      await clock.advance(3_000);
      const at = `seed ${seed}`;
      assert.equal(client.state, 'online', at);
      assert.equal(client.pending, 0, at);
      for (const [text, result] of results) {
        const times = server.log.filter((one) => one === text).length;
        // A refusal that was lost on its way is covered by a later `last_id`, and looks like an acknowledgement.
        const least = server.refused.has(text) ? 0 : 1;
        assert.ok(result === 'ack' || least === 0, `${at}: ${text} ${result}`);
        assert.ok(lossy ? times >= least : times === least, `${at}: ${text} ${result} ${times} times`);
      }
      if (!lossy) {
        const applied = server.log.filter((text) => text.startsWith('a')).map((text) => Number(text.slice(1)));
        assert.deepEqual(applied, [...applied].sort((a, b) => a - b), at);
        assert.ok(seen.every(({ text }) => text !== undefined), `${at}: a gap without a cause`);
      }
      for (const [index, { from, to, text }] of seen.entries()) {
        assert.ok(from <= to, at);
        if (text !== undefined) assert.equal(text, server.log[from - 1], at);
        if (index > 0) assert.equal(from, seen[index - 1].to + 1, `${at}: a hole or a double`);
      }
      assert.equal(seen.at(-1)?.to ?? server.log.length, server.log.length, `${at}: the end is missing`);
      client.close();
    }
  });
}

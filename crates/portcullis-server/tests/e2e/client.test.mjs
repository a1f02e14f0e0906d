// The browser client against a scripted server, in virtual time: no socket, no clock, no chance.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { Portcullis, backoff, closePolicy } from '../../web/portcullis.js';
import { Clock, settled } from './scenarios.mjs';

function world(options = {}) {
  const clock = new Clock();
  const sockets = [];
  class FakeWebSocket {
    sent = [];
    closed = null;
    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      sockets.push(this);
    }
    send(data) {
      this.sent.push(typeof data === 'string' ? JSON.parse(data) : data);
    }
    close(code, reason) {
      this.closed = { code, reason };
    }
    open() {
      this.onopen?.({});
    }
    say(message) {
      this.onmessage?.({ data: JSON.stringify(message) });
    }
    end(code, reason = '') {
      this.onclose?.({ code, reason, wasClean: code !== 1006 });
    }
    welcome(fields = {}) {
      this.open();
      this.say({ type: 'welcome', session: 'S1', user: 'alice', resume: 'R1', last_id: 0, ping_interval_ms: 25_000, ...fields });
    }
  }
  const { jitter = 1, ...rest } = options;
  const client = new Portcullis('wss://host/ws', {
    token: 'a.b.c',
    WebSocket: FakeWebSocket,
    clock,
    random: () => jitter,
    ...rest,
  });
  const log = [];
  for (const type of ['state', 'message', 'gap', 'refused', 'latency', 'close', 'presence']) {
    client.addEventListener(type, ({ detail }) => log.push([type, detail]));
  }
  return {
    clock,
    client,
    sockets,
    log,
    of: (type) => log.filter(([t]) => t === type).map(([, detail]) => detail),
    get socket() {
      return sockets.at(-1);
    },
    async start(fields) {
      client.connect();
      await settled();
      sockets.at(-1).welcome(fields);
      await settled();
    },
  };
}

const outcome = (promise) => promise.then((value) => ({ value }), (error) => ({ error: error.code ?? error }));
const event = (offset, fields = {}) => ({
  type: 'event', channel: 'c', epoch: 'E', offset, from: 'bob', action: 'chat', payload: { text: `${offset}` }, timestamp: 1, ...fields,
});

test('the token travels as a subprotocol, never in the URL', async () => {
  const w = world();
  await w.start();
  assert.deepEqual(w.socket.protocols, ['portcullis.v1', 'bearer.a.b.c']);
  assert.equal(w.socket.url, 'wss://host/ws');
  assert.equal(w.client.state, 'online');
  assert.equal(w.client.user, 'alice');
  assert.deepEqual(w.socket.sent, []);
});

test('or as the first message', async () => {
  const w = world({ auth: 'message' });
  await w.start();
  assert.deepEqual(w.socket.protocols, ['portcullis.v1']);
  assert.deepEqual(w.socket.sent, [{ type: 'auth', token: 'a.b.c' }]);
});

test('ids count 1, 2, 3; an ack resolves, an error rejects with its code', async () => {
  const w = world();
  await w.start();
  const sends = ['x', 'y', 'z'].map((text) => outcome(w.client.send('chat', { text }, { channel: 'c' })));
  assert.deepEqual(w.socket.sent.map(({ id }) => id), [1, 2, 3]);
  assert.deepEqual(w.socket.sent[0], { action: 'chat', payload: { text: 'x' }, timestamp: w.clock.time, channel: 'c', id: 1 });
  w.socket.say({ type: 'ack', id: 1 });
  w.socket.say({ type: 'error', code: 'invalid_message', id: 2, pointer: '/payload/text', keyword: 'maxLength' });
  w.socket.say({ type: 'ack', id: 3 });
  assert.deepEqual(await Promise.all(sends), [{ value: { id: 1 } }, { error: 'invalid_message' }, { value: { id: 3 } }]);
  assert.equal(w.of('refused')[0].message, 'invalid_message: maxLength at /payload/text');
});

test('mistake 5: what is in flight is not lost, and not sent twice into a resumed session', async () => {
  const w = world();
  await w.start();
  const sends = ['x', 'y', 'z'].map((text) => outcome(w.client.send('chat', { text }, { channel: 'c' })));
  w.socket.say({ type: 'ack', id: 1 });
  w.socket.end(1006);
  await w.clock.advance(500);
  assert.equal(w.socket.url, 'wss://host/ws?resume=1');
  w.socket.welcome({ recovered: true, last_id: 2 });
  assert.deepEqual(w.socket.sent[0], { type: 'auth', resume: { session: 'S1', token: 'R1', channels: {} } });
  // Number 2 had been applied: only 3 is sent again, under its number.
  assert.deepEqual(w.socket.sent.slice(1).map(({ id, payload }) => [id, payload.text]), [[3, 'z']]);
  w.socket.say({ type: 'ack', id: 3 });
  assert.deepEqual(await Promise.all(sends), [{ value: { id: 1 } }, { value: { id: 2 } }, { value: { id: 3 } }]);
});

test('a lost session numbers afresh, in the same order, before what waited', async () => {
  const w = world();
  await w.start();
  w.client.send('chat', { text: 'x' });
  w.client.send('chat', { text: 'y' });
  w.socket.end(1006);
  w.client.send('chat', { text: 'z' });
  await w.clock.advance(500);
  w.socket.welcome({ session: 'S2', recovered: false, last_id: 0 });
  assert.deepEqual(w.socket.sent.slice(1).map(({ id, payload }) => [id, payload.text]), [[1, 'x'], [2, 'y'], [3, 'z']]);
});

test('mistake 6: the outbox is bounded, by refusing or by dropping the oldest', async () => {
  const w = world({ outboxMax: 2 });
  const sends = [1, 2, 3].map((n) => outcome(w.client.send('chat', { n })));
  assert.deepEqual(await sends[2], { error: 'outbox_full' });
  assert.equal(w.client.pending, 2);

  const d = world({ outboxMax: 2, outboxPolicy: 'drop-oldest' });
  const first = outcome(d.client.send('chat', { n: 1 }));
  d.client.send('chat', { n: 2 });
  d.client.send('chat', { n: 3 });
  assert.deepEqual(await first, { error: 'outbox_full' });
  await d.start();
  assert.deepEqual(d.socket.sent.map(({ payload }) => payload.n), [2, 3]);
});

test('what is in flight is bounded too', async () => {
  const w = world({ inFlightMax: 2 });
  await w.start();
  for (let n = 1; n <= 4; n++) w.client.send('chat', { n });
  assert.equal(w.socket.sent.length, 2);
  w.socket.say({ type: 'ack', id: 1 });
  assert.equal(w.socket.sent.length, 3);
});

test('mistake 6: a close rejects what is left instead of losing it in silence', async () => {
  const w = world();
  await w.start();
  const sent = outcome(w.client.send('chat', {}));
  w.client.close();
  assert.deepEqual(await sent, { error: 'closed' });
  assert.deepEqual(await outcome(w.client.send('chat', {})), { error: 'closed' });
  assert.equal(w.clock.armed, 0);
});

test('mistake 7: full jitter between 0 and a doubling bound, capped', () => {
  const at = (attempt, r) => backoff(attempt, () => r, 500, 30_000);
  assert.deepEqual([0, 1, 2, 3].map((n) => at(n, 0.999_999)), [499, 999, 1999, 3999]);
  assert.equal(at(40, 0.999_999), 29_999);
  assert.equal(at(4_000, 0.5), 15_000);
  assert.equal(at(5, 0), 0);
});

test('mistake 7: the first delay is of attempt 0; attempts reset only after a stable connection', async () => {
  const w = world({ pingInterval: 60_000 });
  await w.start();
  const delays = () => w.of('state').filter(({ state }) => state === 'waiting').map(({ delay }) => delay);
  w.socket.end(1006);
  await w.clock.advance(500);
  w.socket.end(1006);
  await w.clock.advance(1_000);
  w.socket.welcome();
  await w.clock.advance(9_999); // Not stable yet.
  w.socket.end(1006);
  await w.clock.advance(2_000);
  w.socket.welcome();
  await w.clock.advance(10_000); // Stable.
  w.socket.end(1006);
  assert.deepEqual(delays(), [500, 1_000, 2_000, 500]);
});

test('mistakes 7 and 17: the close code decides; terminal ones are never retried', async () => {
  for (const code of [1001, 1006, 1011, 1012, 1013, 4408, 4430]) assert.equal(closePolicy(code, ''), 'retry', `${code}`);
  for (const code of [1000, 1002, 1003, 1005, 1007, 1008, 1009, 4400, 4401, 4403, 4409, 4429, 4999]) {
    const w = world();
    await w.start();
    w.socket.end(code, 'invalid');
    assert.equal(w.client.state, 'closed', `${code}`);
    await w.clock.advance(3_600_000);
    assert.equal(w.sockets.length, 1, `${code} was retried`);
  }
});

test('4401 expired gets a new token; the same one once more ends it', async () => {
  const tokens = ['t1', 't1', 't2'];
  const why = [];
  const w = world({ token: (reason) => (why.push(reason), tokens[why.length]) });
  await w.start();
  w.socket.end(4401, 'expired');
  await w.clock.advance(500);
  assert.deepEqual(w.socket.protocols[1], 'bearer.t2');
  assert.deepEqual(why, ['connect', 'expired']);
  w.socket.welcome();

  const same = world();
  await same.start();
  same.socket.end(4401, 'expired');
  await same.clock.advance(500);
  assert.equal(same.client.state, 'closed');
  assert.equal(same.sockets.length, 1);
});

test('a token source that is out of reach is asked again later', async () => {
  let calls = 0;
  const w = world({ token: async () => (++calls === 1 ? Promise.reject(new Error('offline')) : 't') });
  w.client.connect();
  await settled();
  assert.equal(w.client.state, 'waiting');
  await w.clock.advance(500);
  assert.equal(w.sockets.length, 1);
});

test('mistake 8: the token is refreshed on the live connection before it expires', async () => {
  const claims = (exp) => `h.${btoa(JSON.stringify({ exp }))}.s`;
  const w = world({ token: (why) => (why === 'refresh' ? claims(w.clock.time / 1000 + 3_600) : 'first'), pingInterval: 1e9 });
  await w.start({ expires_at: 1_753_000_000 + 600 });
  await w.clock.advance(539_000);
  assert.equal(w.socket.sent.length, 0);
  await w.clock.advance(2_000);
  assert.equal(w.socket.sent[0].type, 'auth');
  await w.clock.advance(3_500_000);
  assert.equal(w.socket.sent.length, 1, 'one refresh an hour');
  await w.clock.advance(100_000);
  assert.equal(w.socket.sent.length, 2);
});

test('1012 says when to come back', async () => {
  const w = world({ jitter: 0 });
  await w.start();
  w.socket.end(1012, '{"retry_after_ms":4000}');
  assert.equal(w.of('state').at(-1).delay, 4_000);
  await w.clock.advance(3_999);
  assert.equal(w.sockets.length, 1);
  await w.clock.advance(1);
  assert.equal(w.sockets.length, 2);
});

test('1012 later on: the longer one of slot and back-off', async () => {
  const w = world();
  await w.start();
  for (const slot of [100, 5_000, 1_500]) {
    w.socket.end(1012, JSON.stringify({ retry_after_ms: slot }));
    await w.clock.advance(5_000);
  }
  assert.deepEqual(w.of('state').filter(({ state }) => state === 'waiting').map(({ delay }) => delay), [100, 5_000, 2_000]);
});

test('a silent peer is asked, and given up when it does not answer', async () => {
  const w = world();
  await w.start();
  await w.clock.advance(20_000);
  const ping = w.socket.sent.at(-1);
  assert.equal(ping.action, 'ping');
  await w.clock.advance(42);
  w.socket.say({ type: 'event', action: 'ping', payload: {}, timestamp: 1 });
  assert.deepEqual(w.of('latency'), [{ ms: 42 }]);
  const first = w.socket;
  await w.clock.advance(28_000);
  assert.equal(first.closed.reason, 'no_answer');
  assert.deepEqual(w.of('close').at(-1), { code: 1006, reason: 'no_answer', clean: false, policy: 'retry' });
  // What the dead socket says later is of no interest any more.
  await w.clock.advance(500);
  w.socket.welcome();
  first.end(4401, 'invalid');
  assert.equal(w.client.state, 'online');
});

test('a ping that was refused is no sign of death', async () => {
  const w = world();
  await w.start();
  await w.clock.advance(20_000);
  w.socket.say({ type: 'error', code: 'rate_limited', retry_after_ms: 10 });
  await w.clock.advance(8_000);
  assert.equal(w.client.state, 'online');
});

test('an opening that hangs is given up', async () => {
  const w = world();
  w.client.connect();
  await settled();
  await w.clock.advance(10_000);
  assert.equal(w.client.state, 'waiting');
  assert.equal(w.of('state').at(-1).reason, 'connect_timeout');
});

test('subscriptions return with their position, and events are neither doubled nor missed in silence', async () => {
  const w = world();
  await w.start();
  const subscribed = w.client.subscribe('c');
  assert.deepEqual(w.socket.sent, [{ type: 'subscribe', channel: 'c' }]);
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 4, recovered: false, users: ['alice'], user_count: 1 });
  await subscribed;
  w.socket.say(event(5));
  w.socket.say(event(6));
  w.socket.end(1006);
  await w.clock.advance(500);
  w.socket.welcome({ recovered: true });
  assert.deepEqual(w.socket.sent, [{ type: 'auth', resume: { session: 'S1', token: 'R1', channels: { c: { epoch: 'E', offset: 6 } } } }]);
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 8, recovered: true, users: ['alice'], user_count: 1 });
  for (const offset of [6, 7, 8, 8, 9]) w.socket.say(event(offset));
  assert.deepEqual(w.of('message').map(({ offset }) => offset), [5, 6, 7, 8, 9]);
  assert.deepEqual(w.of('gap'), []);
  w.socket.say(event(12));
  assert.deepEqual(w.of('gap'), [{ channel: 'c', from: { epoch: 'E', offset: 9 }, to: { epoch: 'E', offset: 11 } }]);
});

test('a lost session asks for each channel since its position, and a gap is told', async () => {
  const w = world();
  await w.start();
  w.client.subscribe('c');
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 4, recovered: false, users: [], user_count: 0 });
  w.socket.end(1011);
  await w.clock.advance(500);
  w.socket.welcome({ session: 'S2', recovered: false });
  assert.deepEqual(w.socket.sent.slice(1), [{ type: 'subscribe', channel: 'c', since: { epoch: 'E', offset: 4 } }]);
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'F', offset: 9, recovered: false, users: [], user_count: 0 });
  assert.deepEqual(w.of('gap'), [{ channel: 'c', from: { epoch: 'E', offset: 4 }, to: { epoch: 'F', offset: 9 } }]);
  w.socket.say(event(10, { epoch: 'F' }));
  assert.equal(w.of('message').length, 1);
});

test('presence is kept per channel, with a count beyond what is listed', async () => {
  const w = world();
  await w.start();
  w.client.subscribe('c');
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 0, recovered: false, users: ['alice', 'bob'], user_count: 500 });
  w.socket.say({ type: 'presence', channel: 'c', joined: ['carol', 'bob'], left: ['alice', 'zoe'] });
  assert.deepEqual(w.client.users('c'), ['bob', 'carol']);
  assert.equal(w.of('presence')[0].userCount, 499);
});

test('a channel given up while offline is given up in the resumed session', async () => {
  const w = world();
  await w.start();
  w.client.subscribe('c');
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 4, recovered: false, users: [], user_count: 0 });
  w.socket.end(1006);
  w.client.unsubscribe('c');
  await w.clock.advance(500);
  w.socket.welcome({ recovered: true });
  assert.deepEqual(w.socket.sent.map(({ type }) => type), ['auth', 'unsubscribe']);
  assert.deepEqual(w.socket.sent[0].resume.channels, {});
});

test('left and asked for again while its events are on their way, a channel stays', async () => {
  const w = world();
  await w.start();
  w.client.subscribe('c');
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 4, recovered: false, users: [], user_count: 0 });
  w.client.unsubscribe('c');
  w.socket.say(event(5));
  w.client.subscribe('c');
  w.socket.say({ type: 'unsubscribed', channel: 'c' });
  w.socket.say({ type: 'subscribed', channel: 'c', epoch: 'E', offset: 5, recovered: true, users: [], user_count: 0 });
  w.socket.end(1006);
  await w.clock.advance(500);
  w.socket.welcome({ recovered: true });
  assert.deepEqual(w.socket.sent[0].resume.channels, { c: { epoch: 'E', offset: 5 } });
});

test('a refused subscription rejects, and is not asked for again', async () => {
  const w = world();
  await w.start();
  const refused = outcome(w.client.subscribe('user:bob'));
  w.socket.say({ type: 'error', code: 'forbidden' });
  assert.deepEqual(await refused, { error: 'forbidden' });
  w.socket.end(1006);
  await w.clock.advance(500);
  w.socket.welcome();
  assert.deepEqual(w.socket.sent.filter(({ type }) => type === 'subscribe'), []);
});

test('a refusal without an id is of the oldest message that a later answer skips', async () => {
  const w = world();
  await w.start();
  const sends = [1, 2, 3].map((n) => outcome(w.client.send('chat', { n })));
  w.socket.say({ type: 'ack', id: 1 });
  w.socket.say({ type: 'error', code: 'rate_limited', retry_after_ms: 50 });
  w.socket.say({ type: 'ack', id: 3 });
  assert.deepEqual(await Promise.all(sends), [{ value: { id: 1 } }, { error: 'rate_limited' }, { value: { id: 3 } }]);
});

test('and of the last one, when nothing follows; what waits is held back as long as the server asked', async () => {
  const w = world();
  await w.start();
  const sent = outcome(w.client.send('chat', { n: 1 }));
  w.socket.say({ type: 'error', code: 'rate_limited', retry_after_ms: 300 });
  w.client.send('chat', { n: 2 });
  assert.equal(w.socket.sent.length, 1);
  await w.clock.advance(300);
  assert.equal(w.socket.sent.length, 2);
  w.socket.say({ type: 'ack', id: 2 });
  assert.deepEqual(await sent, { error: 'rate_limited' });
});

test('a message over the limit is refused here: there it would cost the connection', async () => {
  const w = world();
  await w.start();
  assert.deepEqual(await outcome(w.client.send('chat', { text: 'é'.repeat(33_000) })), { error: 'message_too_big' });
  assert.equal(w.socket.sent.length, 0);
});

test('an unknown option is an error, not a surprise', () => {
  assert.throws(() => new Portcullis('wss://host/ws', { token: 't', pingIntervall: 1 }), /pingIntervall/);
});

test('a listener that closes is obeyed, whatever it was told', async () => {
  for (const [kind, when] of [['connecting', 'state'], ['online', 'state'], ['welcome', 'welcome'], ['close', 'close'], ['waiting', 'state']]) {
    const w = world();
    w.client.addEventListener(when, ({ detail }) => (when !== 'state' || detail.state === kind) && w.client.close());
    w.client.subscribe('c').catch(() => {});
    w.client.connect();
    await settled();
    w.socket?.welcome();
    w.socket?.end(1006);
    await w.clock.advance(3_600_000);
    assert.equal(w.client.state, 'closed', kind);
    assert.equal(w.clock.armed, 0, kind);
    assert.ok(w.sockets.length <= 1, kind);
  }
});

test('what a listener sends or asks for when told of being online comes after the channels, and once', async () => {
  const w = world();
  w.client.addEventListener('state', ({ detail: { state } }) => {
    if (state !== 'online') return;
    w.client.subscribe('d');
    w.client.send('status', {}, { channel: 'c' });
  });
  w.client.subscribe('c');
  w.client.send('chat', { n: 1 }, { channel: 'c' });
  await w.start();
  assert.deepEqual(w.socket.sent.map(({ type, action, channel }) => [type ?? action, channel]), [
    ['subscribe', 'd'], ['subscribe', 'c'], ['chat', 'c'], ['status', 'c'],
  ]);
});

test('a token source that has none is out of reach', async () => {
  for (const nothing of [null, undefined, '']) {
    const w = world({ token: () => nothing });
    w.client.connect();
    await settled();
    assert.equal(w.client.state, 'waiting');
    assert.equal(w.sockets.length, 0);
  }
});

test('what the page is told is listened to only while there is a session, and a plain pageshow means nothing', async () => {
  const page = new EventTarget();
  let listeners = 0;
  const { addEventListener, removeEventListener } = page;
  page.addEventListener = (...all) => (listeners++, addEventListener.apply(page, all));
  page.removeEventListener = (...all) => (listeners--, removeEventListener.apply(page, all));
  const w = world({ page });
  assert.equal(listeners, 0);
  await w.start();
  page.dispatchEvent(new Event('pageshow'));
  assert.deepEqual(w.socket.sent, []);
  page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  assert.deepEqual(w.socket.sent.map(({ action }) => action), ['ping']);
  page.dispatchEvent(new Event('offline'));
  w.client.close();
  assert.equal(listeners, 0);
  // Nobody told it of coming online again: what it was told before the end counts no longer.
  w.client.connect();
  await settled();
  w.socket.end(1006);
  await w.clock.advance(500);
  assert.equal(w.sockets.length, 3);
});

test('a page that is frozen lets go first, and comes back when it does', async () => {
  const page = new EventTarget();
  const told = (type) => page.dispatchEvent(new Event(type));
  const w = world({ page });
  await w.start();
  told('freeze');
  // Not 1000 or 1001: those would end the session.
  assert.deepEqual(w.socket.closed, { code: 4_000, reason: 'frozen' });
  w.clock.time += 60_000;
  told('resume');
  await w.clock.advance(0);
  assert.equal(w.socket.url, 'wss://host/ws?resume=1');
  w.socket.welcome({ recovered: true });
  await w.clock.advance(10_000);
  w.socket.end(1012, '{"retry_after_ms":30000}');
  told('freeze');
  told('resume');
  await w.clock.advance(29_999);
  assert.equal(w.sockets.length, 2, 'its slot is kept');
  await w.clock.advance(1);
  assert.equal(w.sockets.length, 3);
});

test('a refusal gives the fields that it is about, and nothing else of what the peer wrote', async () => {
  const w = world();
  await w.start();
  const sent = w.client.send('chat', {}).catch((error) => error);
  w.socket.onmessage({ data: '{"type":"error","code":"forbidden","id":1,"scope":"chat:write","__proto__":{"x":1},"stack":"no"}' });
  const error = await sent;
  assert.equal(error.name, 'PortcullisError');
  assert.equal(error.scope, 'chat:write');
  assert.equal(error.x, undefined);
  assert.notEqual(error.stack, 'no');
});

// --- the package ---

const web = fileURLToPath(new URL('../../web/', import.meta.url));

test('the client is at most 8,000 bytes compressed', () => {
  const { length } = gzipSync(readFileSync(`${web}portcullis.js`), { level: 9 });
  assert.ok(length <= 8_000, `${length} bytes`);
});

test('the package has the version of the workspace, and the files that are meant', () => {
  const manifest = JSON.parse(readFileSync(`${web}package.json`, 'utf8'));
  const [, version] = readFileSync(`${web}../../../Cargo.toml`, 'utf8').match(/\[workspace\.package\]\nversion = "(.*)"/);
  assert.equal(manifest.version, version);
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: web, stdio: ['ignore', 'pipe', 'ignore'] }));
  const files = packed.files.map(({ path }) => path).sort();
  assert.deepEqual(files, ['README.md', 'package.json', 'portcullis.d.ts', 'portcullis.js', 'seal.d.ts', 'seal.js']);
  for (const { types, default: file } of Object.values(manifest.exports)) {
    for (const path of [types, file]) assert.ok(files.includes(path.replace('./', '')), path);
  }
});

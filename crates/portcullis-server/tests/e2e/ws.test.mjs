// npm `ws` against `portcullis dev`, over TLS.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

import { Portcullis } from '../../web/portcullis.js';
import { Peer, SUBPROTOCOL, WebSocket, freshChannel, page, pause, tokens, url, users } from './support.mjs';

const [alice, bob] = users;
const forged = (token) => token.slice(0, -8) + 'AAAAAAAA';

test('dev prints tokens of two users', () => {
  assert.equal(users.length, 2);
});

test('the token as a subprotocol: only portcullis.v1 is echoed', async () => {
  const peer = await Peer.welcome(alice);
  assert.equal(peer.socket.protocol, SUBPROTOCOL);
  assert.equal(peer.welcomed.user, alice);
  assert.equal(peer.welcomed.ping_interval_ms, 25_000);
  assert.ok(peer.welcomed.expires_at * 1000 > Date.now());
  assert.deepEqual((await peer.close()).code, 1000);
});

test('the token as a header', async () => {
  const peer = await Peer.welcome(alice, { token: undefined, headers: { authorization: `Bearer ${tokens.get(alice)}` } });
  assert.equal(peer.welcomed.user, alice);
  await peer.close();
});

test('the token as the first message', async () => {
  const peer = new Peer();
  await peer.answer;
  peer.say({ type: 'auth', token: tokens.get(alice) });
  assert.equal((await peer.next('welcome')).user, alice);
  await peer.close();
});

test('a bad token in a header is 401 with its code', async () => {
  const { status, headers, body } = await new Peer({ headers: { authorization: `Bearer ${forged(tokens.get(alice))}` } }).answer;
  assert.equal(status, 401);
  assert.ok(JSON.parse(body).error);
  assert.match(headers['www-authenticate'], /^Bearer/);
});

test('a bad token as a subprotocol is a readable close', async () => {
  const { code, reason } = await new Peer({ token: forged(tokens.get(alice)) }).closed;
  assert.equal(code, 4401);
  assert.ok(reason.length > 0);
});

test('an unsigned token is refused', async () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(tokens.get(alice).split('.')[1], 'base64url'));
  const { code } = await new Peer({ token: `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.` }).closed;
  assert.equal(code, 4401);
});

test('mistake 11: anything before authentication ends it', async () => {
  const peer = new Peer();
  await peer.answer;
  peer.act();
  assert.equal((await peer.closed).code, 4401);
});

test('mistake 11: the first message has a deadline', async () => {
  const peer = new Peer();
  await peer.answer;
  const since = Date.now();
  assert.equal((await peer.closed).code, 4408);
  assert.ok(Math.abs(Date.now() - since - 5_000) < 1_500);
});

test('mistake 10: a foreign origin is refused, the own one is not', async () => {
  for (const origin of ['https://evil.example', `https://${url.host}.evil.example`, `${page.protocol === 'https:' ? 'http' : 'https'}://${url.host}`, 'null']) {
    assert.equal((await new Peer({ token: tokens.get(alice), origin }).answer).status, 403, origin);
  }
  await (await Peer.welcome(alice, { origin: page.origin })).close();
});

test('another path is 404, another version is 426', async () => {
  assert.equal((await new Peer({ token: tokens.get(alice), path: '/other' }).answer).status, 404);
  const { status, headers } = await new Peer({ token: tokens.get(alice), protocolVersion: 8 }).answer;
  assert.equal(status, 426);
  assert.equal(headers['sec-websocket-version'], '13');
});

test('two clients chat, and each sees who comes and goes', async () => {
  const channel = freshChannel();
  const a = await Peer.welcome(alice);
  const first = await a.subscribe(channel);
  assert.deepEqual(first.users, [alice]);
  assert.equal(first.user_count, 1);
  const b = await Peer.welcome(bob);
  assert.deepEqual((await b.subscribe(channel)).users.toSorted(), [alice, bob].toSorted());
  assert.deepEqual((await a.next((m) => m.type === 'presence' && m.joined.includes(bob))).left, []);

  const id = a.act({ channel, payload: { text: 'hello' } });
  assert.equal((await a.next('ack')).id, id);
  const event = await b.next('event');
  assert.equal(event.from, alice);
  assert.deepEqual(event.payload, { text: 'hello' });
  assert.equal(event.offset, 1);
  assert.ok(Math.abs(event.timestamp - Date.now()) < 5_000);

  await b.close();
  assert.ok((await a.next((m) => m.type === 'presence' && m.left.includes(bob))).left.length);
  await a.close();
});

test('mistake 18: an id that was applied is acknowledged and not applied again', async () => {
  const channel = freshChannel();
  const a = await Peer.welcome(alice);
  await a.subscribe(channel);
  a.act({ channel, id: 1, payload: { text: 'once' } });
  await a.next('ack');
  a.act({ channel, id: 1, payload: { text: 'twice' } });
  await a.next('ack');
  a.act({ channel, id: 2, payload: { text: 'next' } });
  await a.next('ack');
  await pause(100);
  assert.deepEqual(a.inbox.filter(({ type }) => type === 'event').map(({ payload }) => payload.text), ['once', 'next']);
  await a.close();
});

test('ping is answered to its sender', async () => {
  const a = await Peer.welcome(alice);
  a.act({ action: 'ping', payload: {}, id: undefined });
  assert.equal((await a.next('event')).action, 'ping');
  await a.close();
});

test('a dropped connection resumes its session, without a hole', async () => {
  const channel = freshChannel();
  const a = await Peer.welcome(alice);
  const { epoch, offset } = await a.subscribe(channel);
  const b = await Peer.welcome(bob);
  await b.subscribe(channel);
  a.socket.terminate();
  for (const text of ['one', 'two', 'three']) b.act({ channel, payload: { text } });
  await b.next((m) => m.type === 'ack' && m.id === 3);
  const again = new Peer({ token: tokens.get(alice), path: '/ws?resume=1' });
  await again.answer;
  again.say({ type: 'auth', resume: { session: a.welcomed.session, token: a.welcomed.resume, channels: { [channel]: { epoch, offset } } } });
  const welcome = await again.next('welcome');
  assert.equal(welcome.recovered, true);
  assert.equal(welcome.session, a.welcomed.session);
  assert.equal((await again.next((m) => m.type === 'subscribed' && m.channel === channel)).recovered, true);
  b.act({ channel, payload: { text: 'four' } });
  await again.next((m) => m.payload?.text === 'four');
  const texts = again.inbox.filter((m) => m.type === 'event' && m.channel === channel).map(({ payload }) => payload.text);
  assert.deepEqual(texts, ['one', 'two', 'three', 'four']);
  await again.close();
  await b.close();
});

test('someone else’s session cannot be resumed', async () => {
  const a = await Peer.welcome(alice);
  a.socket.terminate();
  const thief = new Peer({ token: tokens.get(bob), path: '/ws?resume=1' });
  await thief.answer;
  thief.say({ type: 'auth', resume: { session: a.welcomed.session, token: a.welcomed.resume, channels: {} } });
  const welcome = await thief.next('welcome');
  assert.equal(welcome.recovered, false);
  assert.notEqual(welcome.session, a.welcomed.session);
  await thief.close();
});

const REFUSED = [
  ['mistake 12: a wrong type', 'invalid_message', { payload: { text: 42 } }, '/payload/text'],
  ['mistake 12: an unknown member', 'invalid_message', { admin: true }, '/admin'],
  ['mistake 12: an unknown member of the payload', 'invalid_message', { payload: { text: 'x', html: true } }, '/payload/html'],
  ['an unknown action', 'invalid_message', { action: 'reboot' }, '/action'],
  ['a stale timestamp', 'stale', { timestamp: Date.now() - 600_000 }, undefined],
];
for (const [name, code, fields, pointer] of REFUSED) {
  test(`${name} is refused with a reason, and the connection lives on`, async () => {
    const channel = freshChannel();
    const a = await Peer.welcome(alice);
    await a.subscribe(channel);
    a.act({ channel, ...fields });
    const error = await a.next('error');
    assert.equal(error.code, code);
    assert.equal(error.pointer, pointer);
    const id = a.act({ channel });
    assert.equal((await a.next('ack')).id, id);
    await a.close();
  });
}

test('mistake 13: nesting is bounded', async () => {
  const a = await Peer.welcome(alice);
  a.socket.send(`{"action":"chat","payload":${'['.repeat(10_000)}${']'.repeat(10_000)},"timestamp":1}`);
  assert.equal((await a.next('error')).code, 'invalid_message');
  await a.close();
});

test('another user’s channel cannot be read', async () => {
  const a = await Peer.welcome(alice);
  a.say({ type: 'subscribe', channel: `user:${bob}` });
  assert.ok((await a.next('error')).code);
  await a.close();
});

test('mistake 17: who keeps sending garbage is closed with 4400', async () => {
  const a = await Peer.welcome(alice);
  for (let i = 0; i < 60; i++) a.socket.send('garbage');
  const { code, reason } = await a.closed;
  assert.equal(code, 4400);
  assert.equal(reason, 'invalid_message');
  assert.ok(a.inbox.filter(({ type }) => type === 'error').length > 1, 'told before');
});

test('mistakes 2 and 17: who keeps flooding is closed with 4429', async () => {
  const a = await Peer.welcome(alice);
  for (let i = 0; i < 2_000; i++) a.socket.send('{"action":"ping","payload":{},"timestamp":' + Date.now() + '}');
  const { code, reason } = await a.closed;
  assert.equal(code, 4429);
  assert.equal(reason, 'rate_limited');
  const limited = a.inbox.find(({ code: c }) => c === 'rate_limited');
  assert.ok(limited.retry_after_ms > 0);
});

test('mistake 13: a message over 64 KiB is closed with 1009', async () => {
  const a = await Peer.welcome(alice);
  a.act({ payload: { text: 'x'.repeat(80 * 1024) } });
  assert.equal((await a.closed).code, 1009);
});

test('binary messages are closed with 1003', async () => {
  const a = await Peer.welcome(alice);
  a.socket.send(Buffer.from([1, 2, 3]));
  assert.equal((await a.closed).code, 1003);
});

test('portcullis.js speaks with the server in Node too', async () => {
  class Socket extends WebSocket {
    constructor(target, protocols) {
      super(target, protocols, { rejectUnauthorized: false });
    }
  }
  const channel = freshChannel();
  const made = (user) => new Portcullis(url, { token: tokens.get(user), WebSocket: Socket });
  const [a, b] = [made(alice), made(bob)];
  const heard = new Promise((resolve) => b.addEventListener('message', ({ detail }) => detail.channel === channel && resolve(detail)));
  a.connect();
  b.connect();
  await Promise.all([a.subscribe(channel), b.subscribe(channel)]);
  assert.deepEqual(await a.send('chat', { text: 'héllo' }, { channel }), { id: 1 });
  assert.deepEqual((await heard).payload, { text: 'héllo' });
  const latency = new Promise((resolve) => a.addEventListener('latency', ({ detail }) => resolve(detail.ms)));
  a.ping();
  assert.ok((await latency) < 1_000);
  await assert.rejects(a.send('chat', { text: 1 }, { channel }), { code: 'invalid_message', pointer: '/payload/text' });
  await assert.rejects(a.subscribe('user:somebody-else'));
  a.close();
  b.close();
});

test('compression, taken over from message to message or not, both ways', async (t) => {
  const server = spawn(process.env.PORTCULLIS_BIN, ['echo', '--listen', '127.0.0.1:0', '--deflate'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => server.kill());
  const target = await new Promise((resolve) =>
    server.stdout.on('data', (line) => resolve(`${line}`.match(/listening (\S+)/)[1])),
  );
  const options = [{}, { serverNoContextTakeover: true }, { clientNoContextTakeover: true }, { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }, { serverMaxWindowBits: 8 }];
  for (const perMessageDeflate of options.map((option) => ({ threshold: 0, ...option }))) {
    const socket = new WebSocket(target, { perMessageDeflate });
    await once(socket, 'open');
    assert.equal(socket.extensions, 'permessage-deflate', JSON.stringify(perMessageDeflate));
    const texts = ['', 'x', 'again and again '.repeat(9_000), JSON.stringify(process.versions), 'again and again '.repeat(40)];
    for (const text of [...texts, ...texts]) {
      socket.send(text);
      assert.ok((await once(socket, 'message'))[0].toString() === text, `${text.length} bytes`);
    }
    socket.close();
    await once(socket, 'close');
  }
});

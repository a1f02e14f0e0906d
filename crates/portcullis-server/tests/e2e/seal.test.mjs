// Sealed payloads: Web Crypto, in Node and in headless Chromium, against the crate, in both directions, and through the
// server unread.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

import { Opener, SealError, Sealer, TO_CLIENT, TO_SERVER, sessionOf } from '../../web/seal.js';
import { launch, open, quit } from './browser.mjs';
import { Peer, freshChannel, page as address, users } from './support.mjs';

const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at);
const SESSION = new Uint8Array(16).fill(9);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const TEXTS = ['hello', '', '{"text":"grüße 🌍"}', 'x'.repeat(10_000)];

before(launch);
after(quit);

/** The crate, as a process that answers line by line. */
class Crate {
  constructor(direction, generation = 1) {
    this.child = spawn(process.env.SEAL_LINES, [hex(SECRET), hex(SESSION), String(direction), String(generation)]);
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.generation = generation;
  }

  async ask(line) {
    this.child.stdin.write(`${line}\n`);
    return (await this.lines.next()).value;
  }

  async end() {
    this.child.stdin.end();
    await once(this.child, 'close');
  }
}

/** The same page script in Node and in Chromium: seals the texts, and opens what the crate has sealed. */
async function both(module, { secret, session, direction, sealed, texts }) {
  const { Opener, Sealer } = module;
  const bytes = { secret: Uint8Array.from(secret), session: Uint8Array.from(session) };
  const sealer = new Sealer(bytes.secret, { session: bytes.session, direction });
  const opener = new Opener(bytes.secret, { session: bytes.session, direction });
  const opened = [];
  for (const one of sealed) opened.push(await opener.open({ sealed: one, generation: 1 }, 'chat:lobby'));
  let replayed;
  await opener.open({ sealed: sealed[0], generation: 1 }, 'chat:lobby').catch((error) => (replayed = error.code));
  const mine = [];
  for (const text of texts) mine.push((await sealer.seal(text, 'chat:lobby')).sealed);
  return { opened, mine, replayed };
}

for (const [place, run] of [
  ['Node', (task) => both({ Opener, Sealer }, task)],
  [
    'headless Chromium',
    async (task) => {
      const page = await open();
      await page.goto(address.href);
      // The page's policy lets its own files in, and nothing else.
      const done = await page.evaluate(
        async ({ source, task }) => new Function(`return ${source}`)()(await import('/seal.js'), task),
        { source: both.toString(), task },
      );
      await page.context().close();
      return done;
    },
  ],
]) {
  for (const direction of [TO_SERVER, TO_CLIENT]) {
    test(`${place} and the crate open what the other has sealed, direction ${direction}`, async () => {
      const crate = new Crate(direction);
      const sealed = [];
      for (const text of TEXTS) sealed.push(await crate.ask(`seal chat:lobby ${text}`));
      const done = await run({ secret: [...SECRET], session: [...SESSION], direction, sealed, texts: TEXTS });
      assert.deepEqual(done.opened, TEXTS);
      assert.equal(done.replayed, 'seal_replayed');
      for (const [at, text] of TEXTS.entries()) {
        assert.equal(await crate.ask(`open chat:lobby ${done.mine[at]}`), `ok ${text}`);
      }
      assert.equal(await crate.ask(`open chat:lobby ${done.mine[0]}`), 'error seal_replayed');
      assert.equal(await crate.ask(`open elsewhere ${(await new Sealer(SECRET, { session: SESSION, direction }).seal('x', 'here')).sealed}`), 'error seal_replayed');
      await crate.end();
    });
  }
}

test('what was changed, moved or repeated does not open', async () => {
  const sealer = new Sealer(SECRET);
  const opener = () => new Opener(SECRET, { session: sealer.session });
  const payload = await sealer.seal('hello', 'c');
  const code = async (change, channel = 'c', one = opener()) => {
    try {
      return await one.open({ ...payload, ...change }, channel);
    } catch (error) {
      assert.ok(error instanceof SealError, String(error));
      return error.code;
    }
  };
  assert.equal(await code({}), 'hello');
  assert.equal(await code({}, 'd'), 'seal_forged');
  assert.equal(await code({ generation: 2 }), 'seal_generation');
  assert.equal(await code({ sealed: `${payload.sealed}A` }), 'seal_forged');
  for (const sealed of ['', 'AAAA', `${payload.sealed}=`, payload.sealed.replace(/^./, '+'), 7, undefined]) {
    assert.equal(await code({ sealed }), 'seal_malformed');
  }
  const bytes = Buffer.from(payload.sealed, 'base64url');
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    assert.equal(await code({ sealed: changed.toString('base64url') }), at < 16 ? 'seal_session' : 'seal_forged', `byte ${at}`);
  }
  const one = opener();
  const twice = await Promise.allSettled([one.open(payload, 'c'), one.open(payload, 'c')]);
  assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], 'also when both are on their way');
  // Overlapping calls never share a number.
  const many = await Promise.all(Array.from({ length: 300 }, (_, at) => sealer.seal(String(at), 'c')));
  assert.equal(new Set(many.map(({ sealed }) => sealed.slice(0, 27))).size, 300);
  const late = opener();
  assert.equal(await late.open(many[299], 'c'), '299');
  assert.equal(await late.open(many[44], 'c'), '44');
  await assert.rejects(late.open(many[43], 'c'), { code: 'seal_replayed' });
  sealer.advance(2);
  late.advance(2);
  assert.equal(await late.open(await sealer.seal('next', 'c'), 'c'), 'next');
  assert.equal(await late.open(many[50], 'c'), '50', 'it was on its way');
  assert.throws(() => sealer.advance(2), { code: 'seal_generation' });
});

test('the server routes sealed payloads unread', async () => {
  const [alice, bob] = [await Peer.welcome(users[0]), await Peer.welcome(users[1])];
  const channel = freshChannel();
  await alice.subscribe(channel);
  await bob.subscribe(channel);
  const sealer = new Sealer(SECRET);
  const payload = await sealer.seal('between us', channel);
  alice.act({ channel, payload });
  const event = await bob.next((message) => message.type === 'event' && message.channel === channel);
  assert.deepEqual(event.payload, payload);
  const opener = new Opener(SECRET, { session: sessionOf(event.payload) });
  assert.equal(await opener.open(event.payload, event.channel), 'between us');
  await alice.close();
  await bob.close();
});

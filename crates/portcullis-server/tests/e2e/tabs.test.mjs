// What befalls a page: other tabs of the same user, a network that goes and comes, a freeze. Headless Chromium and the
// real server, with a network between them that can be held and cut.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';

import { Portcullis } from '../../web/portcullis.js';
import { launch, open, quit } from './browser.mjs';
import { Peer, WebSocket, freshChannel, page as address, pause, tokens, url, users } from './support.mjs';

const [alice, bob] = users;
/** Impatient, so that a test need not wait; the delays between attempts are short, but not none. */
const QUICK = { pongTimeout: 500, backoffBase: 50, backoffCap: 200 };

/** A way to the server that can be held (nothing gets through, nobody is told) and cut (both ends are told). */
class Network {
  held = false;
  #pairs = new Set();
  #server = createServer((near) => {
    const far = connect(url.port, url.hostname);
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('error', () => {});
      from.on('close', () => (to.destroy(), this.#pairs.delete(pair)));
      from.on('data', (data) => to.write(data));
      if (this.held) from.pause();
    }
  });
  static async open() {
    const network = new Network();
    await once(network.#server.listen(0, '127.0.0.1'), 'listening');
    return network;
  }
  /** The server's address, by this way. */
  through(address) {
    const through = new URL(address);
    through.host = `127.0.0.1:${this.#server.address().port}`;
    return through.href;
  }
  hold(held = true) {
    this.held = held;
    for (const { near, far } of this.#pairs) for (const end of [near, far]) held ? end.pause() : end.resume();
  }
  /** What the server says gets through no longer. */
  mute() {
    for (const { far } of this.#pairs) far.pause();
  }
  cut() {
    for (const { near } of this.#pairs) near.destroy();
  }
  close() {
    this.#server.close();
    this.cut();
  }
}

let network;
before(async () => {
  await launch();
  network = await Network.open();
});
beforeEach(() => network.hold(false));
after(async () => {
  await quit();
  network.close();
});

/** Runs in the page, and in Node: a client, and everything that it says. */
async function join({ Portcullis, WebSocket, url, token, channel, options }) {
  const client = new Portcullis(url, { token, ...(WebSocket && { WebSocket }), ...options });
  const log = { texts: [], states: [], welcomes: [], closes: [], gaps: [], answers: 0, presence: [] };
  const on = (kind, call) => client.addEventListener(kind, ({ detail }) => call(detail));
  on('message', ({ action, payload }) => action === 'chat' && log.texts.push(payload.text));
  on('state', ({ state }) => log.states.push(state));
  on('welcome', ({ session, recovered }) => log.welcomes.push({ session, recovered }));
  on('close', ({ code, reason }) => log.closes.push(`${code} ${reason}`));
  on('gap', (gap) => log.gaps.push(gap));
  on('latency', () => (log.answers += 1));
  on('presence', ({ joined, left }) => log.presence.push({ joined, left }));
  Object.assign(globalThis, { client, log });
  client.connect();
  await client.subscribe(channel);
}

/** A page of the server without the demo's own client, and with one of ours. */
async function enter(page, channel, options) {
  await page.evaluate(
    async ({ source, ...rest }) => new Function(`return ${source}`)()({ ...(await import('/portcullis.js')), ...rest }),
    { source: join.toString(), url: new URL('/ws', page.url().replace(/^http/, 'ws')).href, token: tokens.get(alice), channel, options },
  );
}

const logOf = (page) => page.evaluate(() => globalThis.log);
const state = (page) => page.evaluate(() => globalThis.client.state);

async function until(what, holds, ms = 8_000) {
  for (const end = Date.now() + ms; !(await holds()); await pause(20)) if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => `n${from + at}`);

/** Another user, who says one numbered thing after the other. */
async function speaker(channel) {
  const peer = await Peer.welcome(bob);
  const answer = await peer.subscribe(channel);
  let said = 0;
  const say = (count) => {
    for (let n = 0; n < count; n += 1) peer.act({ channel, payload: { text: `n${(said += 1)}` } });
    return peer.next(({ type, id }) => type === 'ack' && id === peer.id);
  };
  const heard = () => peer.inbox.filter(({ type, from }) => type === 'event' && from === alice).map(({ payload }) => payload.text);
  return { peer, answer, say, heard };
}

test('tabs of one user are sessions of their own, and one user', async () => {
  const channel = freshChannel();
  const one = await open();
  await enter(one, channel);
  const other = await one.context().newPage();
  await other.goto(address.href);
  // A duplicate: opened by the first, with a copy of whatever that keeps for its tab.
  const [duplicate] = await Promise.all([one.waitForEvent('popup'), one.evaluate(() => void window.open(location.href))]);
  await duplicate.waitForLoadState();
  const tabs = [one, other, duplicate];
  await enter(other, channel);
  await enter(duplicate, channel);
  const { peer, answer, say } = await speaker(channel);
  assert.deepEqual([...answer.users].sort(), [alice, bob].sort());
  assert.equal(answer.user_count, 2);

  await say(3);
  for (const tab of tabs) await until('all tabs hear', async () => (await logOf(tab)).texts.length >= 3);
  const logs = await Promise.all(tabs.map(logOf));
  assert.equal(new Set(logs.map(({ welcomes }) => welcomes[0].session)).size, 3, 'three sessions');
  for (const { texts, closes, welcomes } of logs) {
    assert.deepEqual(texts, numbered(1, 3));
    assert.deepEqual(closes, []);
    assert.equal(welcomes.length, 1);
  }

  await duplicate.close();
  await one.close();
  await say(1);
  await until('the last tab hears', async () => (await logOf(other)).texts.length === 4);
  await pause(300); // Presence comes in batches of 100 ms.
  const left = () => peer.inbox.filter(({ type, left }) => type === 'presence' && left.includes(alice)).length;
  assert.equal(left(), 0, 'she is there as long as one tab is');
  await other.context().close();
  await until('she left with the last tab', () => left() === 1);
  await peer.close();
});

test('offline, then online: nothing is tried, then resumed without loss', async () => {
  const channel = freshChannel();
  const page = await open();
  await page.goto(network.through(address));
  await enter(page, channel, QUICK);
  const { peer, say, heard } = await speaker(channel);
  await say(5);
  await until('the first come', async () => (await logOf(page)).texts.length === 5);

  network.hold();
  await page.context().setOffline(true);
  await page.evaluate((channel) => void globalThis.client.send('chat', { text: 'from away' }, { channel }), channel);
  await say(5);
  await until('the dead connection is noticed', async () => (await state(page)) === 'waiting');
  await pause(1_500); // Far beyond each delay.
  assert.deepEqual((await logOf(page)).states, ['connecting', 'online', 'waiting'], 'no attempt while offline');
  assert.equal(await page.evaluate(() => globalThis.client.pending), 1);

  network.hold(false);
  await page.context().setOffline(false);
  await until('what was missed comes', async () => (await logOf(page)).texts.length >= 11);
  await until('it is acknowledged', async () => (await page.evaluate(() => globalThis.client.pending)) === 0);
  await say(1);
  await until('it goes on', async () => (await logOf(page)).texts.includes('n11'));
  const { texts, welcomes, gaps } = await logOf(page);
  assert.deepEqual(texts.filter((text) => text !== 'from away'), numbered(1, 11));
  assert.deepEqual(gaps, []);
  assert.deepEqual(welcomes.map(({ recovered }) => recovered), [undefined, true]);
  assert.equal(new Set(welcomes.map(({ session }) => session)).size, 1);
  assert.deepEqual(heard(), ['from away'], 'once');
  await peer.close();
  await page.context().close();
});

/**
 * A page that the driver does not hold: those that it holds count as looked at, and Chromium freezes no such page. As much
 * of a page as the tests need, over the browser's own session.
 */
class LoosePage {
  #asked = new Map();
  #number = 0;
  static async open(browser, href) {
    const page = new LoosePage();
    page.cdp = await browser.newBrowserCDPSession();
    page.cdp.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { id, result, error } = JSON.parse(message);
      page.#asked.get(id)?.(error ? Promise.reject(new Error(error.message)) : result);
    });
    page.target = await page.cdp.send('Target.createTarget', { url: 'about:blank' });
    Object.assign(page.target, await page.cdp.send('Target.attachToTarget', { ...page.target, flatten: false }));
    await page.send('Security.setIgnoreCertificateErrors', { ignore: true });
    await page.send('Page.navigate', { url: href });
    await until('the page is loaded', () => page.evaluate((href) => location.href === href && document.readyState === 'complete', href));
    page.url = () => href;
    return page;
  }
  send(method, params) {
    const id = (this.#number += 1);
    const { sessionId } = this.target;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, resolve);
      this.cdp.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) }).catch(reject);
    });
  }
  async evaluate(call, ...all) {
    const expression = `(${call})(...${JSON.stringify(all)})`;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
    return result.value;
  }
  async freeze() {
    await this.send('Page.setWebLifecycleState', { state: 'frozen' });
    // The answer comes before it is.
    await until('the client has let go', async () => (await state(this)) === 'waiting');
  }
  goOn() {
    return this.send('Page.setWebLifecycleState', { state: 'active' });
  }
  close() {
    return this.cdp.send('Target.closeTarget', { targetId: this.target.targetId });
  }
}

// Left to itself, Chromium gives the connection of a frozen page up when the page goes on, and tells the server goodbye
// (1001), which ends the session: the client lets go first.
test('frozen, then active: what came meanwhile comes once and in order, also over a connection cut in the freeze', async () => {
  const channel = freshChannel();
  const holder = await open();
  const page = await LoosePage.open(holder.context().browser(), network.through(address));
  await enter(page, channel, QUICK);
  const { peer, say } = await speaker(channel);
  const count = async () => (await logOf(page)).texts.length;
  await say(2);
  await until('the first come', async () => (await count()) === 2);

  await page.freeze();
  await say(20);
  await pause(1_000);
  assert.equal(await count(), 2, 'it is frozen');
  await page.goOn();
  await until('the rest comes', async () => (await count()) >= 22);

  await page.freeze();
  await say(10);
  network.cut();
  await pause(300);
  await say(10);
  assert.equal(await count(), 22);
  await page.goOn();
  await until('the rest comes', async () => (await count()) >= 42);
  await say(1);
  await until('it goes on', async () => (await count()) >= 43);
  const { texts, welcomes, gaps } = await logOf(page);
  assert.deepEqual(texts, numbered(1, 43));
  assert.deepEqual(gaps, []);
  assert.deepEqual(welcomes.map(({ recovered }) => recovered), [undefined, true, true]);
  await peer.close();
  await page.close();
  await holder.context().close();
});

test('the same client in Node, over a network that is cut again and again', async () => {
  const channel = freshChannel();
  class Trusting extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { rejectUnauthorized: false });
    }
  }
  await join({ Portcullis, WebSocket: Trusting, url: network.through(url), token: tokens.get(alice), channel, options: QUICK });
  const { client, log } = globalThis;
  const { peer, say, heard } = await speaker(channel);
  const sends = [];
  for (let round = 0; round < 6; round += 1) {
    // Lost on the way there in one round, applied and the answer lost in the next.
    if (round % 2) network.mute();
    for (let n = 0; n < 4; n += 1) sends.push(client.send('chat', { text: `a${sends.length + 1}` }, { channel }));
    if (round % 2) await pause(100);
    network.cut();
    await say(4);
    await until('it is back', () => client.state === 'online');
  }
  await Promise.all(sends);
  await until('all has come', () => log.texts.filter((text) => text.startsWith('n')).length >= 24);
  assert.deepEqual(log.texts.filter((text) => text.startsWith('n')), numbered(1, 24));
  assert.deepEqual(heard(), sends.map((_, at) => `a${at + 1}`));
  assert.deepEqual(log.gaps, []);
  assert.equal(new Set(log.welcomes.map(({ session }) => session)).size, 1);
  client.close();
  await peer.close();
});

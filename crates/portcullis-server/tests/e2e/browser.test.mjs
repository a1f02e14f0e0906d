// Headless Chromium on the demo page, over wss with the self-signed certificate.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { connected, launch, open, quit, reads } from './browser.mjs';
import { page as address, tokens, users } from './support.mjs';

const [alice, bob] = users;

before(launch);
after(quit);

async function say(page, text) {
  await page.getByTestId('text').fill(text);
  await page.getByTestId('text').press('Enter');
}

test('two pages chat, and each shows who is present', async () => {
  const a = await open(alice, { colorScheme: 'light' });
  await connected(a);
  const b = await open(bob, { colorScheme: 'dark' });
  await connected(b);
  for (const page of [a, b]) for (const user of [alice, bob]) await reads(page, 'people', user);
  await reads(a, 'messages', `${bob} came in`);

  await say(a, 'Morning. Is the north gate up?');
  await reads(b, 'messages', 'Morning. Is the north gate up?');
  await say(b, 'Up since six. Certificate renewed, nobody dropped.');
  await say(b, 'The watch changed at seven, every session resumed.');
  await reads(a, 'messages', 'every session resumed.');
  await say(a, 'Good. I will let the carts in: 40 barrels, 12 crates.');
  await reads(b, 'messages', '40 barrels');
  await b.getByLabel('Your status').selectOption('away');
  await a.locator('#people [data-status="away"]').waitFor();
  assert.equal(await a.locator('.message').count(), 4, 'no message twice');
  assert.equal(await a.locator('.message.waits, .message.refused').count(), 0);
  await a.waitForFunction(() => /\d ms$/.test(document.getElementById('latency').textContent));

  // A third client, with a good token and bad manners.
  const c = await open(bob, { colorScheme: 'light' });
  await connected(c);
  await c.getByRole('button', { name: /^Bad schema/ }).click();
  await reads(c, 'refusals', 'invalid_message');
  await reads(c, 'refusals', '/payload/text');
  await c.getByRole('button', { name: /^Yesterday/ }).click();
  await reads(c, 'refusals', 'stale');
  await a.getByRole('button', { name: /^Smuggle/ }).click();
  await reads(a, 'refusals', '/admin');
  if (process.env.PORTCULLIS_SCREENSHOT) {
    await a.waitForTimeout(12_000); // A few round trips for the curve.
    await a.screenshot({ path: process.env.PORTCULLIS_SCREENSHOT });
  }
  await c.getByRole('button', { name: /^Persist/ }).click();
  await reads(c, 'refusals', '4400');
  assert.equal(await c.getAttribute('body', 'data-state'), 'closed');
  assert.match(await c.textContent('#state-why'), /4400 · too many invalid messages/);

  // The others go on as if nothing had been.
  await say(a, 'What was that?');
  await reads(b, 'messages', 'What was that?');
  await b.goto('about:blank'); // A page that goes says goodbye; one that is killed is away for the resume window.
  await reads(a, 'messages', `${bob} left`);
  await b.context().close();
  assert.deepEqual(a.complaints, [], 'no script error, nothing against the content security policy');
  await a.context().close();
  await c.context().close();
});

for (const [button, code] of [['Flood', '4429'], ['Too big', '1009'], ['Binary', '1003']]) {
  test(`the page shows ${code} for “${button}”, and connects again on request`, async () => {
    const page = await open(alice);
    await connected(page);
    await page.getByRole('button', { name: new RegExp(`^${button}`) }).click();
    // One burst may be forgiven with refusals; persistence is not.
    for (let i = 0; i < 20 && (await page.getAttribute('body', 'data-state')) === 'online'; i++) {
      await page.getByRole('button', { name: new RegExp(`^${button}`) }).click({ timeout: 500 }).catch(() => {});
      await page.waitForTimeout(50);
    }
    await reads(page, 'refusals', code);
    await page.getByRole('button', { name: 'Connect again' }).click();
    await connected(page);
    await page.context().close();
  });
}

test('the token leaves the address bar at once, and a reload keeps it for this tab', async () => {
  const page = await open(alice);
  await connected(page);
  assert.equal(page.url(), address.href);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await page.reload();
  await connected(page);
  await page.goto(`${address}#user=${bob}&token=${tokens.get(bob)}`); // Changes the fragment only.
  await page.getByText(`Welcome, ${bob}`).waitFor();
  assert.equal(page.url(), address.href);
  await page.context().close();
});

test('a forged token is refused visibly and not tried again', async () => {
  const page = await open();
  await page.getByLabel('Token').fill(`${tokens.get(alice).slice(0, -8)}AAAAAAAA`);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await reads(page, 'refusals', '4401');
  await page.getByText('Not retried').waitFor();
  assert.equal(await page.getAttribute('body', 'data-state'), 'closed');
  await page.context().close();
});

test('a page of another origin cannot connect', async () => {
  const page = await open();
  await page.route('https://elsewhere.example/', (route) => route.fulfill({ contentType: 'text/html', body: '<p>elsewhere' }));
  const attempt = () =>
    page.evaluate(
      ([url, token]) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url, ['portcullis.v1', `bearer.${token}`]);
          socket.onopen = () => resolve('open');
          socket.onclose = (event) => resolve(event.code);
        }),
      [process.env.PORTCULLIS_URL, tokens.get(alice)],
    );
  assert.equal(await attempt(), 'open', 'the own origin can');
  await page.goto('https://elsewhere.example/');
  assert.equal(await attempt(), 1006);
  await page.context().close();
});

test('narrow windows show one view at a time', async () => {
  const page = await open(alice, { viewport: { width: 390, height: 800 }, isMobile: true });
  await connected(page);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await page.getByRole('button', { name: /^People/ }).click();
  await reads(page, 'people', alice);
  await page.getByRole('button', { name: /^Gate/ }).click();
  assert.equal(await page.getByTestId('state').isVisible(), true);
  await page.context().close();
});

// CONTRACT §2: a page cannot read the status of a refused upgrade, so that it is told why by the close frame.
test('a page can read why its credential was refused, at every door', async () => {
  const page = await open();
  await page.goto(address.href);
  const why = (query, protocols, first) =>
    page.evaluate(
      ([url, protocols, first]) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url, protocols);
          if (first) socket.onopen = () => socket.send(first);
          socket.onmessage = ({ data }) => {
            if (JSON.parse(data).type !== 'welcome') return;
            resolve(`welcome ${JSON.parse(data).user}`);
            socket.close();
          };
          socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`);
        }),
      [`${address.href.replace(/^http/, 'ws')}ws${query}`, protocols, first],
    );
  const good = tokens.get(alice);
  const forged = `${good.slice(0, good.lastIndexOf('.'))}.${'A'.repeat(43)}`;
  const doors = {
    subprotocol: (token) => why('', ['portcullis.v1', `bearer.${token}`]),
    'first message': (token) => why('', ['portcullis.v1'], JSON.stringify({ type: 'auth', token })),
  };
  for (const [door, knock] of Object.entries(doors)) {
    assert.equal(await knock(good), `welcome ${alice}`, door);
    assert.equal(await knock(forged), '4401 invalid', door);
    assert.equal(await knock('abc'), '4401 invalid', door);
  }

  const ticket = () =>
    page.evaluate(async (token) => {
      const answer = await fetch('/ticket', { method: 'POST', headers: { authorization: `Bearer ${token}` } });
      return [answer.status, await answer.json()];
    }, good);
  const [status, { ticket: given }] = await ticket();
  assert.equal(status, 200);
  assert.equal(await why(`?ticket=${given}`, ['portcullis.v1']), `welcome ${alice}`);
  assert.equal(await why(`?ticket=${given}`, ['portcullis.v1']), '4401 invalid', 'it is used up');
  // A page of another origin cannot use one that was given to this page.
  const [, { ticket: other }] = await ticket();
  const elsewhere = await page.context().newPage();
  await elsewhere.goto('about:blank');
  const code = await elsewhere.evaluate(
    (url) => new Promise((resolve) => (new WebSocket(url, ['portcullis.v1']).onclose = (event) => resolve(event.code))),
    `${address.href.replace(/^http/, 'ws')}ws?ticket=${other}`,
  );
  assert.equal(code, 1006, 'refused before the upgrade, for its origin');
  await page.context().close();
});

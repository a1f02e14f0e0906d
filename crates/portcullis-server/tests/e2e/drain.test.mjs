// SIGTERM: clients are told to come back, and when; the process ends by itself.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { connected, launch, open, quit, reads } from './browser.mjs';
import { Peer, pause, pid, users } from './support.mjs';

test('a terminated server closes with 1012 and says when to come back', async () => {
  let page;
  if (process.env.CHROMIUM) {
    await launch();
    after(quit);
    page = await open(users[0]);
    await connected(page);
  }
  const peers = await Promise.all([...Array(8)].map((_, i) => Peer.welcome(users[i % users.length])));
  process.kill(pid, 'SIGTERM');
  for (const { code, reason } of await Promise.all(peers.map(({ closed }) => closed))) {
    assert.equal(code, 1012);
    assert.ok(Number.isFinite(JSON.parse(reason).retry_after_ms));
  }
  if (page) {
    await reads(page, 'refusals', '1012');
    await page.waitForSelector('body[data-state="waiting"], body[data-state="connecting"]');
    assert.equal(await page.isVisible('#retry-now'), true);
  }
  for (let waited = 0; waited < 15_000; waited += 100) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await pause(100);
  }
  assert.fail('the process is still there after 15 s');
});

// The table that every client follows, against portcullis.js: in Node, or with SCENARIOS_IN=chromium in a page of the server.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { Portcullis } from '../../web/portcullis.js';
import { JITTERS, run } from './scenarios.mjs';

const folder = new URL('../../../portcullis-client/scenarios/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
let take = (scenario) => run(scenario, { Portcullis });

if (process.env.SCENARIOS_IN === 'chromium') {
  let page;
  before(async () => {
    const { launch, open } = await import('./browser.mjs');
    await launch();
    page = await open();
    // The page's policy lets in only what comes from its own origin, so that the runner comes from there too.
    const body = readFileSync(new URL('scenarios.mjs', import.meta.url), 'utf8');
    await page.route('**/scenarios.mjs', (route) => route.fulfill({ contentType: 'text/javascript', body }));
  });
  after(async () => (await import('./browser.mjs')).quit());
  take = (scenario) =>
    page.evaluate(async (one) => {
      const [{ run }, { Portcullis }] = await Promise.all([import('/scenarios.mjs'), import('/portcullis.js')]);
      await run(one, { Portcullis });
    }, scenario);
}

for (const file of files) {
  const scenario = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  test(`${file}: ${scenario.name}`, () => take(scenario));
}

test('a step that does not hold is told, and so is what was left unread', async () => {
  const scenario = (...steps) => ({ name: 'x', steps: [{ do: 'connect' }, ...steps] });
  const dial = { expect: 'dial', resume: false, bearer: 'T1' };
  await take(scenario(dial, { expect: 'silence' }, { expect: 'state', state: 'connecting' }));
  for (const [steps, message] of [
    [[{ ...dial, bearer: 'T2' }], /step 2.*the next dial is/],
    [[dial, { expect: 'sent', message: {} }], /step 3.*undefined/],
    [[dial, { expect: 'state', state: 'online' }], /connecting/],
    [[dial, { expect: 'event', event: 'gap' }], /there was none/],
    [[dial, { expect: 'dropped' }], /still held/],
    [[dial, { expect: 'novelty' }], /unknown step/],
    [[dial, { do: 'send', action: 'a', payload: {}, as: 'm' }, { expect: 'settled', message: 'm', as: 'refused', code: 'x' }], /pending/],
    [[], /unread/],
  ]) {
    await assert.rejects(take(scenario(...steps)), message);
  }
});

test('the whole table was there, for more than one outcome of chance', () => {
  assert.ok(files.length >= 50 && JITTERS.length >= 3, `${files.length} files`);
});

// The table that every client follows, against portcullis.js: in Node, and in a page when a browser is there.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { Portcullis } from '../../web/portcullis.js';
import { run } from './scenarios.mjs';

const folder = new URL('../../../portcullis-client/scenarios/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();

for (const file of files) {
  const scenario = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  test(`${file}: ${scenario.name}`, () => run(scenario, { Portcullis }));
}

test('the whole table was there', () => assert.ok(files.length >= 40, `${files.length} files`));

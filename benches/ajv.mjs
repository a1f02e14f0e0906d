// ajv beside portcullis-validate: `JSON.parse`, then the compiled schema, as a Node server does. Reads lines of JSON: first
// {"schemas": [...], "messages": [...]}, then [case, iterations]; answers each of these with nanoseconds.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(process.env.BENCH_MODULES);
const Ajv = require('ajv/dist/2020').default;
let cases;

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (!cases) {
    const ajv = new Ajv({ strict: false });
    cases = asked.schemas.map((schema, at) => ({ check: ajv.compile(JSON.parse(schema)), bytes: Buffer.from(asked.messages[at]) }));
    console.log(cases.every(({ check, bytes }) => check(JSON.parse(bytes))) ? 'ready' : 'refused');
    continue;
  }
  const [at, iterations] = asked;
  const { check, bytes } = cases[at];
  let good = 0;
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < iterations; turn += 1) good += check(JSON.parse(bytes.toString())) ? 1 : 0;
  const took = process.hrtime.bigint() - start;
  if (good !== iterations) throw new Error('a message was refused');
  console.log(String(took));
}

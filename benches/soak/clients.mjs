// Clients of portcullis.js for the soak: orders come as JSON lines, what happens goes out as JSON lines.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { Portcullis } from '../../crates/portcullis-server/web/portcullis.js';

const require = createRequire(`${process.argv[2]}/`);
const { WebSocket } = require('ws');

const EVERY = 1_000;
let publishing = false;
let stopped = false;
const clients = [];
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

function start(url, { number, token, channel }) {
  const client = new Portcullis(url, { token, WebSocket, backoffCap: 2_000 });
  const one = { client, pending: 0, count: 0, settled: false };
  clients.push(one);
  client.addEventListener('message', ({ detail }) => {
    if (detail.channel !== channel) return;
    tell({ is: 'event', number, channel, epoch: detail.epoch, offset: detail.offset, text: detail.payload.text });
  });
  client.addEventListener('gap', ({ detail }) => {
    if (detail.channel === channel) tell({ is: 'gap', number, channel });
  });
  client.connect();
  client.subscribe(channel).then(() => tell({ is: 'ready', number }));
  const publish = () => {
    if (publishing && !stopped) {
      const text = `${number} ${(one.count += 1)}`;
      one.pending += 1;
      client
        .send('chat', { text }, { channel })
        .then(
          () => tell({ is: 'acknowledged', channel, text }),
          ({ code }) => {
            // A text that was not taken was not promised.
            if (code !== 'outbox_full') tell({ is: 'refused', code });
          },
        )
        .finally(() => (one.pending -= 1));
    }
    if (stopped && one.pending === 0 && !one.settled) {
      one.settled = true;
      tell({ is: 'settled', number });
    }
    setTimeout(publish, stopped ? 50 : EVERY * (0.5 + Math.random()));
  };
  setTimeout(publish, EVERY * Math.random());
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (said.clients) for (const one of said.clients) start(said.url, one);
  else if (said.order === 'go') publishing = true;
  else if (said.order === 'stop') stopped = true;
  else if (said.order === 'quit') {
    for (const { client } of clients) client.close();
    setTimeout(() => process.exit(0), 500);
  }
}

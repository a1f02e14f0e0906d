// What the scenarios share: the running server, its tokens, and a peer on npm `ws`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after } from 'node:test';

export const require = createRequire(process.env.E2E_MODULES ?? import.meta.url);
const { WebSocket } = require('ws');
export { WebSocket };

export const url = new URL(process.env.PORTCULLIS_URL);
export const pid = Number(process.env.PORTCULLIS_PID);
export const page = new URL('/', url.href.replace(/^ws/, 'http'));
export const SUBPROTOCOL = 'portcullis.v1';

/** The tokens that `portcullis dev` printed, by user. */
export const tokens = new Map(
  [...new Set(readFileSync(process.env.PORTCULLIS_DEV_OUT, 'utf8').match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? [])].map((token) => [
    JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).sub,
    token,
  ]),
);

export const users = [...tokens.keys()];
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Whatever a failed scenario left open must not keep the process from ending. */
const sockets = [];
after(() => sockets.forEach((socket) => socket.terminate()));

let channels = 0;
/** A channel that no other scenario uses. */
export const freshChannel = () => `chat:e2e-${process.pid}-${(channels += 1)}`;

/** One connection, with everything it has received. */
export class Peer {
  inbox = [];
  #waiting = [];
  #read = 0;
  #closed;
  id = 0;

  constructor({ token, protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL], headers = {}, origin, path, ...rest } = {}) {
    const target = path ? new URL(path, url) : url;
    this.socket = new WebSocket(target, protocols, { headers, origin, rejectUnauthorized: false, ...rest });
    this.socket.on('message', (data, binary) => {
      this.inbox.push(binary ? data : JSON.parse(data));
      for (const wake of this.#waiting.splice(0)) wake();
    });
    sockets.push(this.socket);
    this.#closed = new Promise((resolve) =>
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    // What the opening handshake was answered with: 101, another status, or 0 for nothing.
    this.answer = new Promise((resolve) => {
      this.socket.on('open', () => resolve({ status: 101 }));
      this.socket.on('close', () => resolve({ status: 0 }));
      this.socket.on('unexpected-response', (request, response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
    });
    this.socket.on('error', () => {});
  }

  /** The next message that `wanted` accepts; those before it are passed over. */
  async next(wanted, ms = 4_000) {
    const test = typeof wanted === 'string' ? ({ type }) => type === wanted : wanted;
    const deadline = Date.now() + ms;
    for (;;) {
      while (this.#read < this.inbox.length) {
        const message = this.inbox[this.#read++];
        if (test(message)) return message;
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`nothing like ${wanted} in ${JSON.stringify(this.inbox.slice(-8))}`);
      await Promise.race([new Promise((resolve) => this.#waiting.push(resolve)), pause(left)]);
    }
  }

  /** The close code and reason, once it has closed; 'still open' after 8 s. */
  get closed() {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, 8_000, { code: 'still open' })));
    return Promise.race([this.#closed, late]).finally(() => clearTimeout(timer));
  }

  say(message) {
    this.socket.send(JSON.stringify(message));
  }

  act(fields = {}) {
    this.say({ action: 'chat', payload: { text: 'hi' }, timestamp: Date.now(), id: (this.id += 1), ...fields });
    return this.id;
  }

  async subscribe(channel, since) {
    this.say({ type: 'subscribe', channel, since });
    return this.next((m) => m.type === 'subscribed' && m.channel === channel);
  }

  async close() {
    this.socket.close(1000);
    return this.closed;
  }

  static async welcome(user, options = {}) {
    const peer = new Peer({ token: tokens.get(user), ...options });
    const answer = await peer.answer;
    if (answer.status !== 101) throw new Error(JSON.stringify(answer));
    peer.welcomed = await peer.next('welcome');
    return peer;
  }
}

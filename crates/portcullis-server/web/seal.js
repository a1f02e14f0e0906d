// Sealed payloads for `portcullis.js`: AES-256-GCM through Web Crypto, in the form of the crate portcullis-seal. One file,
// no dependencies; it also runs in Node 20. It exchanges no keys: bring 32 secret bytes that both ends have.

const SESSION_LEN = 16;
const HEADER_LEN = SESSION_LEN + 4;
const TAG_LEN = 16;
const WINDOW_LEN = 256;
const COUNTER_END = 2 ** 32;
const LABEL = new TextEncoder().encode('portcullis seal v1');
const AES_256_GCM = 1;

/** Which way a message goes, seen from the one who opened the session. */
export const TO_SERVER = 0;
export const TO_CLIENT = 1;

/** What cannot be sealed or opened. `code` is stable. */
export class SealError extends Error {
  constructor(code) {
    super(code);
    this.name = 'SealError';
    this.code = code;
  }
}

function number(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((len, part) => len + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function toText(bytes) {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

function fromText(text) {
  if (typeof text !== 'string' || !/^[\w-]*$/.test(text)) throw new SealError('seal_malformed');
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  } catch {
    throw new SealError('seal_malformed');
  }
  // One form alone: what stands in the unused bits of the last character would otherwise be anybody's.
  if (toText(bytes) !== text) throw new SealError('seal_malformed');
  return bytes;
}

function checked(secret, session) {
  if (!(secret instanceof Uint8Array) || secret.length !== 32) throw new TypeError('a secret has 32 bytes');
  if (!(session instanceof Uint8Array) || session.length !== SESSION_LEN) throw new TypeError('a session has 16 bytes');
}

async function keyOf(secret, session, direction, generation, use) {
  const shared = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  const info = joined(LABEL, [AES_256_GCM, direction], number(generation));
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: session, info },
    shared,
    { name: 'AES-GCM', length: 256 },
    false,
    [use],
  );
}

function parameters(session, direction, generation, counter, channel) {
  const name = new TextEncoder().encode(channel);
  if (name.length > 256) throw new SealError('seal_malformed');
  return {
    name: 'AES-GCM',
    iv: joined(number(generation), number(direction), number(counter)),
    additionalData: joined(session, [direction], number(counter), number(name.length), name),
    tagLength: TAG_LEN * 8,
  };
}

function isGeneration(value) {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

/** The session that a sealed message names, to choose its opener by. */
export function sessionOf({ sealed }) {
  const bytes = fromText(sealed);
  if (bytes.length < HEADER_LEN + TAG_LEN) throw new SealError('seal_malformed');
  return bytes.slice(0, SESSION_LEN);
}

/** Seals the messages of one session. Without a `session` it draws one, as each new sealer must. */
export class Sealer {
  #secret;
  #session;
  #direction;
  #generation;
  #counter = 0;
  #key;

  constructor(secret, { session = crypto.getRandomValues(new Uint8Array(SESSION_LEN)), direction = TO_SERVER, generation = 1 } = {}) {
    checked(secret, session);
    this.#secret = secret.slice();
    this.#session = session.slice();
    this.#direction = direction;
    this.#start(generation);
  }

  get session() { return this.#session.slice(); }
  get generation() { return this.#generation; }

  /** Seals text for a channel: the payload to send. */
  async seal(text, channel = '') {
    if (this.#counter === COUNTER_END) throw new SealError('seal_exhausted');
    // Taken at once, so that no two calls that overlap use the same one.
    const counter = this.#counter++;
    const generation = this.#generation;
    const how = parameters(this.#session, this.#direction, generation, counter, channel);
    const message = await crypto.subtle.encrypt(how, await this.#key, new TextEncoder().encode(text));
    return { sealed: toText(joined(this.#session, number(counter), new Uint8Array(message))), generation };
  }

  /** Goes on with a later generation. */
  advance(generation) {
    if (!(generation > this.#generation)) throw new SealError('seal_generation');
    this.#start(generation);
  }

  #start(generation) {
    if (!isGeneration(generation)) throw new TypeError('a generation is a number below 2^32');
    this.#generation = generation;
    this.#counter = 0;
    this.#key = keyOf(this.#secret, this.#session, this.#direction, generation, 'encrypt');
  }
}

/** Opens the messages of one session: each once, also when they overtake each other a little. */
export class Opener {
  #secret;
  #session;
  #direction;
  #lives = []; // The current generation, and the one before it.

  constructor(secret, { session, direction = TO_SERVER, generation = 1 }) {
    checked(secret, session);
    this.#secret = secret.slice();
    this.#session = session.slice();
    this.#direction = direction;
    this.#start(generation);
  }

  get generation() { return this.#lives[0].generation; }

  /** Opens a sealed payload that came on a channel: its text. */
  async open({ sealed, generation }, channel = '') {
    const bytes = fromText(sealed);
    if (bytes.length < HEADER_LEN + TAG_LEN) throw new SealError('seal_malformed');
    if (!this.#session.every((byte, at) => byte === bytes[at])) throw new SealError('seal_session');
    const life = this.#lives.find((one) => one.generation === generation);
    if (!life) throw new SealError('seal_generation');
    const counter = new DataView(bytes.buffer, bytes.byteOffset).getUint32(SESSION_LEN);
    const isKnown = () => counter <= life.latest - WINDOW_LEN || life.seen.has(counter);
    if (isKnown()) throw new SealError('seal_replayed');
    const how = parameters(this.#session, this.#direction, generation, counter, channel);
    let message;
    try {
      message = await crypto.subtle.decrypt(how, await life.key, bytes.subarray(HEADER_LEN));
    } catch {
      throw new SealError('seal_forged');
    }
    // Another call may have opened the same one meanwhile.
    if (isKnown()) throw new SealError('seal_replayed');
    life.seen.add(counter);
    life.latest = Math.max(life.latest, counter);
    for (const old of life.seen) if (old <= life.latest - WINDOW_LEN) life.seen.delete(old);
    return new TextDecoder('utf-8', { fatal: true }).decode(message);
  }

  /** Opens messages of a later generation as well; those of the current one still open until the next advance. */
  advance(generation) {
    if (!(generation > this.generation)) throw new SealError('seal_generation');
    this.#start(generation);
  }

  #start(generation) {
    if (!isGeneration(generation)) throw new TypeError('a generation is a number below 2^32');
    const key = keyOf(this.#secret, this.#session, this.#direction, generation, 'decrypt');
    this.#lives = [{ generation, key, latest: -1, seen: new Set() }, ...this.#lives.slice(0, 1)];
  }
}

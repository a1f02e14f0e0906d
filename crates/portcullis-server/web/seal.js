// Sealed payloads for browsers, as the crate portcullis-seal makes and reads them, with AES-256-GCM by Web Crypto: a page
// seals, the server routes what it cannot read, another page or a program in Rust opens. The form is on the crate's page.
//
// Web Crypto exists only in secure contexts: https, and localhost.
import { PortcullisError } from './portcullis.js';

/** Numbers as four bytes each, big-endian, and arrays as they are. */
const joined = (...parts) =>
  Uint8Array.from(parts.flatMap((part) => (part.length >= 0 ? [...part] : [part >>> 24, part >>> 16, part >>> 8, part])));

const utf8 = (text) => new TextEncoder().encode(text);

const toText = (bytes) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');

/** What a text stands for, or nothing when it is not the one text of it. */
function fromText(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt());
    return toText(bytes) === text ? bytes : [];
  } catch {
    return [];
  }
}

class Seal {
  #secret;
  lives = new Map(); // By generation.

  constructor(secret, session, { direction = 0, generation = 1 } = {}) {
    if (!secret.algorithm && secret.length !== 32) throw new TypeError('a secret has 32 bytes');
    this.#secret = secret.algorithm ? secret : Uint8Array.from(secret);
    this.session = Uint8Array.from(session);
    this.direction = direction;
    this.advance(generation);
  }

  /** Goes on with a later generation of keys. */
  advance(generation) {
    if (!(generation > (this.generation ?? -1)) || generation !== generation >>> 0) throw new RangeError('not a later generation');
    this.generation = generation;
    this.lives.set(generation, { next: 0, latest: -1, seen: 0n });
    if (this.lives.size > 2) this.lives.delete(this.lives.keys().next().value);
  }

  async run(way, life, generation, counter, channel, bytes) {
    const { subtle } = crypto;
    const { session, direction } = this;
    if (!life.key) {
      const secret = this.#secret.algorithm ? this.#secret : await subtle.importKey('raw', this.#secret, 'HKDF', false, ['deriveKey']);
      const info = joined(utf8('portcullis seal v1'), [1, direction], generation);
      const from = { name: 'HKDF', hash: 'SHA-256', salt: session, info };
      life.key = await subtle.deriveKey(from, secret, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    }
    const name = utf8(channel);
    const additionalData = joined(session, [direction], counter, name.length, name);
    const iv = joined(generation, direction, counter);
    return new Uint8Array(await subtle[way]({ name: 'AES-GCM', iv, additionalData }, life.key, bytes));
  }
}

/** Seals payloads for those who share a secret: 32 random bytes, or a `CryptoKey` for HKDF. Each has a session of its own. */
export class Sealer extends Seal {
  constructor(secret, options) {
    super(secret, crypto.getRandomValues(new Uint8Array(16)), options);
  }

  /** `payload` for {@link Portcullis.send}, which opens for this channel alone. */
  async seal(value, channel = '') {
    const { generation } = this;
    const life = this.lives.get(generation);
    const bytes = utf8(JSON.stringify(value));
    if (life.next >= 2 ** 32) throw new PortcullisError('seal_exhausted');
    const counter = life.next++; // Spent before anything else can run: no number comes twice.
    const sealed = await this.run('encrypt', life, generation, counter, channel, bytes);
    return { sealed: toText(joined(this.session, counter, sealed)), generation };
  }
}

/** Opens what the sealer of `session` seals: each once, up to 255 behind the latest, of this generation and the last. */
export class Opener extends Seal {
  async open(payload, channel = '') {
    const bytes = fromText(payload?.sealed);
    if (bytes.length < 36) throw new PortcullisError('seal_malformed');
    if (this.session.some((byte, at) => byte !== bytes[at])) throw new PortcullisError('seal_session');
    const life = this.lives.get(payload.generation);
    if (!life) throw new PortcullisError('seal_generation');
    const counter = new DataView(bytes.buffer).getUint32(16);
    let message;
    try {
      message = await this.run('decrypt', life, payload.generation, counter, channel, bytes.subarray(20));
    } catch {
      throw new PortcullisError('seal_forged');
    }
    // Looked up only now, so that of two that are opened at once one is refused.
    const ahead = counter - life.latest;
    if (ahead <= -256 || (ahead <= 0 && (life.seen >> BigInt(-ahead)) & 1n)) throw new PortcullisError('seal_replayed');
    life.seen = ahead > 0 ? BigInt.asUintN(256, life.seen << BigInt(Math.min(ahead, 256))) | 1n : life.seen | (1n << BigInt(-ahead));
    life.latest = Math.max(life.latest, counter);
    return JSON.parse(new TextDecoder().decode(message));
  }
}

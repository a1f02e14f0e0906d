/** Which way a message goes, seen from the one who opened the session. */
export const TO_SERVER: 0;
export const TO_CLIENT: 1;

/** The payload of an action that may come sealed. */
export interface Sealed {
  sealed: string;
  generation: number;
}

/**
 * `code`: `seal_malformed`, `seal_session`, `seal_generation`, `seal_replayed`, `seal_forged`, or `seal_exhausted` (go on
 * with the next generation).
 */
export class SealError extends Error {
  readonly code: string;
}

/** The session that a sealed message names, to choose its opener by. */
export function sessionOf(payload: Sealed): Uint8Array;

export class Sealer {
  /** `secret`: 32 bytes. `session`: 16 bytes that no other sealer under the secret has; drawn when it is left out. */
  constructor(secret: Uint8Array, options?: { session?: Uint8Array; direction?: 0 | 1; generation?: number });
  readonly session: Uint8Array;
  readonly generation: number;
  seal(text: string, channel?: string): Promise<Sealed>;
  advance(generation: number): void;
}

export class Opener {
  constructor(secret: Uint8Array, options: { session: Uint8Array; direction?: 0 | 1; generation?: number });
  readonly generation: number;
  /** Rejects with a {@link SealError}. */
  open(payload: Sealed, channel?: string): Promise<string>;
  advance(generation: number): void;
}

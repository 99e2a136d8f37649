// Finds out what a client can't take of a response that it rejected as a whole: the resources go again in pieces, a piece at a time,
// and a piece that is rejected is divided. So the good ones arrive, and the bad ones are known. Each piece costs the client one
// response of a budget; what is left of it at the end is not sent again until it changes.

import type { ResourceName, ResourceVersion } from '../cache/encoded-resource.ts';

/** What was in the response: a version, or nothing where the resource was to be dropped. */
export interface Part {
  readonly name: ResourceName;
  readonly version?: ResourceVersion | undefined;
}

type Piece = readonly Part[];

/** As many pieces may be sent at once after a quiet time. */
const maxPieces = 64;
/** After which time there is one more, in milliseconds. */
const msPerPiece = 1000;

/** Of one type on one stream, however often it rejects. */
export class PieceBudget {
  #left = maxPieces;
  #filledMs: number | undefined;

  take(nowMs: number): boolean {
    const gained = Math.floor((nowMs - (this.#filledMs ?? nowMs)) / msPerPiece);
    if (this.#filledMs === undefined || gained > 0) this.#filledMs = nowMs;
    this.#left = Math.min(maxPieces, this.#left + Math.max(0, gained));
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}

export class Isolation {
  /** The first is the one that goes, or went. */
  #pieces: Piece[];

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces.filter((piece) => piece.length > 0);
  }

  get done(): boolean {
    return this.#pieces.length === 0;
  }

  has(name: ResourceName): boolean {
    return this.#pieces.some((piece) => piece.some((part) => part.name === name));
  }

  /** Names of the next piece of which anything differs; pieces of which nothing does are over. Undefined when all are. */
  next(differs: (name: ResourceName) => boolean): ReadonlySet<ResourceName> | undefined {
    for (;;) {
      const [piece] = this.#pieces;
      if (piece === undefined) return undefined;
      if (piece.some(({ name }) => differs(name))) return new Set(piece.map(({ name }) => name));
      this.#pieces.shift();
    }
  }

  /** The client took the piece that went, or what it can't take of it is known. */
  over(): void {
    this.#pieces.shift();
  }

  /** In place of the piece that went. */
  divide(pieces: readonly Piece[]): void {
    this.#pieces.splice(0, 1, ...pieces);
  }

  /** All that has not gone again. */
  giveUp(): readonly Part[] {
    return this.#pieces.splice(0).flat();
  }
}

/** Parts that some other client could not take go alone, after all others at once; else there are two halves. */
export function piecesOf(parts: Piece, isSuspect: (part: Part) => boolean): readonly Piece[] {
  const suspects = parts.filter(isSuspect);
  const others = parts.filter((part) => !isSuspect(part));
  if (suspects.length > 0 && others.length > 0) return [others, ...suspects.map((part) => [part])];
  const half = Math.ceil(parts.length / 2);
  return [parts.slice(0, half), parts.slice(half)];
}

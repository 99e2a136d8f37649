// How certificates are measured, and what was found out, as it is written to JSON.

import type { Times } from '../figures.ts';
import type { LoopDelay } from './loop-delay.ts';

export interface CertificateBench {
  readonly services: number;
  readonly endpoints: number;
  readonly proxies: number;
  /** Of each of the three measurements. */
  readonly seconds: number;
}

export interface SigningFigures {
  readonly perSecond: number;
  readonly loop: LoopDelay;
}

export interface PushingFigures {
  readonly changes: number;
  readonly proxies: number;
  /** From the change until the last proxy has it. */
  readonly last: Times;
  readonly loop: LoopDelay;
}

export interface CertificateFigures {
  /** In a process that does nothing else. */
  readonly alone: SigningFigures;
  /** The same changes in the same process while nothing is signed: what of the delay is that of a push. */
  readonly pushesAlone: PushingFigures;
  /** Both at once. */
  readonly whilePushing: SigningFigures & PushingFigures;
}

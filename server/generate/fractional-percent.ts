// Shares of requests as Envoy has them.

import { FractionalPercent_DenominatorType, type FractionalPercent } from '../../proto/generated/envoy.type.v3.ts';

/** From 0 to 100; four decimals count, and what is more than 0 stays more than 0. */
export function fractionalPercent(percent: number): FractionalPercent {
  const { HUNDRED, MILLION } = FractionalPercent_DenominatorType;
  if (Number.isInteger(percent)) return { numerator: percent, denominator: HUNDRED };
  return { numerator: Math.max(1, Math.round(percent * 10_000)), denominator: MILLION };
}

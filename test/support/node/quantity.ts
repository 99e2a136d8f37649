// Kubernetes quantities as environment variables show them. In: `100m`, `1Gi`. Out: a number, or the text of a value in a unit.

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Throws when it is no quantity. */
export function quantity(text: string): number {
  const [, digits = '', suffix = ''] = /^([0-9.]+(?:[eE][0-9]+)?)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = factors[suffix];
  if (digits === '' || factor === undefined) throw new Error(`"${text}" is not a quantity`);
  return Number(digits) * factor;
}

/** How many divisors it takes, rounded up: `100m` of CPU by 1 is 1. A divisor of 0 is 1. */
export function divided(text: string, divisor = '1'): string {
  const by = quantity(divisor) || 1;
  return String(Math.ceil(Number((quantity(text) / by).toFixed(6))));
}

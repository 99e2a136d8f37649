// Logic with a third answer: what can't be told without something that is not known of a request depends on it.

export type Decision =
  { readonly kind: 'yes' } | { readonly kind: 'no' } | { readonly kind: 'depends'; readonly on: readonly string[] };

export const yes: Decision = Object.freeze({ kind: 'yes' });
export const no: Decision = Object.freeze({ kind: 'no' });

/** `what`: in words, `header x-user`. */
export function dependsOn(what: string): Decision {
  return { kind: 'depends', on: [what] };
}

export function decided(holds: boolean): Decision {
  return holds ? yes : no;
}

export function not(decision: Decision): Decision {
  if (decision.kind === 'depends') return decision;
  return decided(decision.kind === 'no');
}

/** No as soon as one is; yes of none. */
export function all(decisions: readonly Decision[]): Decision {
  if (decisions.some(({ kind }) => kind === 'no')) return no;
  return open(decisions) ?? yes;
}

/** Yes as soon as one is; no of none. */
export function some(decisions: readonly Decision[]): Decision {
  if (decisions.some(({ kind }) => kind === 'yes')) return yes;
  return open(decisions) ?? no;
}

function open(decisions: readonly Decision[]): Decision | undefined {
  const on = new Set(decisions.flatMap((decision) => (decision.kind === 'depends' ? decision.on : [])));
  return on.size === 0 ? undefined : { kind: 'depends', on: [...on] };
}

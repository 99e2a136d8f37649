// Routes of one VirtualService that no request can reach, because an earlier one takes all that they would take. In: the
// routes. Out: findings; the object is taken as it is.

import type { Findings } from '../convert/findings.ts';
import type { HeaderMatch, HttpMatch, HttpRoute, StringMatch } from '../model/policy.ts';

/** `gateways` are those of the VirtualService. */
export function findUnreachableRoutes(
  routes: readonly HttpRoute[],
  gateways: readonly string[],
  findings: Findings,
): void {
  const earlier: { readonly match: HttpMatch | undefined; readonly place: string }[] = [];
  for (const [index, { matches }] of routes.entries()) {
    const field = `spec.http[${index}]`;
    const own = matches.length === 0 ? [undefined] : matches;
    for (const [number, match] of own.entries()) {
      const place = match === undefined ? field : `${field}.match[${number}]`;
      const cover = earlier.find((one) => one.match === undefined || (match !== undefined && covers(one.match, match)));
      if (cover !== undefined) {
        const message = `${cover.place} takes every request that ${place} would take, so ${place} is never used; put it first or remove it`;
        findings.warn('unreachable-match', place, message);
      }
      checkGateways(match, { gateways, place, findings });
      earlier.push({ match, place });
    }
  }
}

function checkGateways(
  match: HttpMatch | undefined,
  at: { readonly gateways: readonly string[]; readonly place: string; readonly findings: Findings },
): void {
  const { gateways, place, findings } = at;
  if (match === undefined || match.gateways.length === 0) return;
  if (match.gateways.some((gateway) => gateways.includes(gateway))) return;
  const message = `none of the gateways of ${place} is in spec.gateways (${gateways.join(', ')}), so it is never used; add one there`;
  findings.warn('unreachable-match', `${place}.gateways`, message);
}

/** Whether whatever `later` takes is taken by `earlier`. False when that can't be told. */
function covers(earlier: HttpMatch, later: HttpMatch): boolean {
  return (
    (!later.ignoreUriCase || earlier.ignoreUriCase || earlier.uri === undefined) &&
    coversText(earlier.uri, later.uri) &&
    coversText(earlier.scheme, later.scheme) &&
    coversText(earlier.method, later.method) &&
    coversText(earlier.authority, later.authority) &&
    coversAll(earlier.headers, later.headers) &&
    coversAll(earlier.queryParams, later.queryParams) &&
    earlier.withoutHeaders.every((one) => later.withoutHeaders.some((other) => isSame(one, other))) &&
    (earlier.port === undefined || earlier.port === later.port) &&
    (earlier.sourceNamespace === undefined || earlier.sourceNamespace === later.sourceNamespace) &&
    Object.entries(earlier.sourceLabels).every(([name, value]) => later.sourceLabels[name] === value) &&
    coversGateways(earlier.gateways, later.gateways)
  );
}

/** An empty list stands for all gateways of the object. */
function coversGateways(earlier: readonly string[], later: readonly string[]): boolean {
  return earlier.length === 0 || (later.length > 0 && later.every((gateway) => earlier.includes(gateway)));
}

function coversText(earlier: StringMatch | undefined, later: StringMatch | undefined): boolean {
  if (earlier === undefined || (earlier.kind === 'prefix' && earlier.value === '/')) return true;
  if (later === undefined) return false;
  if (earlier.kind === later.kind && earlier.value === later.value) return true;
  return earlier.kind === 'prefix' && later.kind !== 'regex' && later.value.startsWith(earlier.value);
}

function coversAll(earlier: readonly HeaderMatch[], later: readonly HeaderMatch[]): boolean {
  return earlier.every(({ name, match }) =>
    later.some((other) => {
      if (other.name !== name) return false;
      if (match.kind === 'present') return true;
      return other.match.kind !== 'present' && coversText(match, other.match);
    }),
  );
}

function isSame(one: HeaderMatch, other: HeaderMatch): boolean {
  if (one.name !== other.name || one.match.kind !== other.match.kind) return false;
  return one.match.kind === 'present' || other.match.kind === 'present' || one.match.value === other.match.value;
}

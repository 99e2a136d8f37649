// One route of a delegate inside the route that delegates: both matches hold, and what the delegate leaves open is as the
// other says. In: both routes. Out: the route, or a phrase that names what makes them exclude each other.

import type { HeaderMatch, HttpMatch, HttpRoute, StringMatch } from '../model/policy.ts';

export function mergeDelegateRoute(outer: HttpRoute, own: HttpRoute): HttpRoute | string {
  const matches = mergeMatches(outer.matches, own.matches);
  if (typeof matches === 'string') return matches;
  const { delegate: _, ...inherited } = outer;
  return {
    ...inherited,
    ...own,
    ...forwarding(outer, own),
    name: joinNames(outer.name, own.name),
    matches,
  };
}

// A rewrite beside a redirect means nothing.
function forwarding({ rewrite }: HttpRoute, own: HttpRoute): Pick<HttpRoute, 'rewrite'> {
  const sendsOn = own.redirect === undefined && own.directResponse === undefined;
  const chosen = own.rewrite ?? (sendsOn ? rewrite : undefined);
  return { rewrite: chosen };
}

function joinNames(outer: string, own: string): string {
  return outer === '' || own === '' ? outer + own : `${outer}-${own}`;
}

/** Every pair that can hold together. One of the delegate's that fits none of the outer ones excludes the route, as in Istio. */
function mergeMatches(outer: readonly HttpMatch[], own: readonly HttpMatch[]): readonly HttpMatch[] | string {
  if (outer.length === 0) return own;
  if (own.length === 0) return outer;
  const merged: HttpMatch[] = [];
  for (const [index, match] of own.entries()) {
    const pairs = outer.map((wider) => mergeMatch(wider, match));
    const fitting = pairs.filter((pair) => typeof pair !== 'string');
    const reasons = pairs.filter((pair) => typeof pair === 'string');
    if (fitting.length === 0) return `match[${index}]: ${reasons.join('; ')}`;
    merged.push(...fitting);
  }
  return merged;
}

function mergeMatch(outer: HttpMatch, own: HttpMatch): HttpMatch | string {
  const conflict = conflictOf(outer, own);
  if (conflict !== undefined) return conflict;
  const both = outer.gateways.filter((gateway) => own.gateways.includes(gateway));
  const statPrefix = own.statPrefix ?? outer.statPrefix;
  return {
    name: joinNames(outer.name, own.name),
    uri: own.uri ?? outer.uri,
    ignoreUriCase: own.uri === undefined ? outer.ignoreUriCase : own.ignoreUriCase,
    scheme: own.scheme ?? outer.scheme,
    method: own.method ?? outer.method,
    authority: own.authority ?? outer.authority,
    headers: mergeHeaders(outer.headers, own.headers),
    withoutHeaders: [...outer.withoutHeaders, ...own.withoutHeaders],
    queryParams: mergeHeaders(outer.queryParams, own.queryParams),
    port: own.port ?? outer.port,
    sourceLabels: { ...outer.sourceLabels, ...own.sourceLabels },
    sourceNamespace: own.sourceNamespace ?? outer.sourceNamespace,
    gateways: outer.gateways.length > 0 && own.gateways.length > 0 ? both : [...outer.gateways, ...own.gateways],
    ...(statPrefix === undefined ? {} : { statPrefix }),
  };
}

/** The first condition that both can't meet. */
function conflictOf(outer: HttpMatch, own: HttpMatch): string | undefined {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const) {
    if (!isWithin(outer[field], own[field])) return `${field} ${text(own[field])} is not within ${text(outer[field])}`;
  }
  if (outer.uri !== undefined && own.uri !== undefined && outer.ignoreUriCase !== own.ignoreUriCase) {
    return 'ignoreUriCase differs';
  }
  const header = outsideOf(outer.headers, own.headers);
  if (header !== undefined) return `header ${header}`;
  const parameter = outsideOf(outer.queryParams, own.queryParams);
  if (parameter !== undefined) return `query parameter ${parameter}`;
  for (const field of ['port', 'sourceNamespace'] as const) {
    const [wide, narrow] = [outer[field], own[field]];
    if (wide !== undefined && narrow !== undefined && wide !== narrow) return `${field} is ${narrow} and not ${wide}`;
  }
  const label = Object.keys(own.sourceLabels).find(
    (name) => (outer.sourceLabels[name] ?? own.sourceLabels[name]) !== own.sourceLabels[name],
  );
  if (label !== undefined) return `source label ${label} differs`;
  const apart = own.gateways.length > 0 && !own.gateways.some((gateway) => outer.gateways.includes(gateway));
  return outer.gateways.length > 0 && apart ? 'no gateway is in both' : undefined;
}

function mergeHeaders(outer: readonly HeaderMatch[], own: readonly HeaderMatch[]): readonly HeaderMatch[] {
  const left = outer.filter(({ name }) => !own.some((other) => other.name === name));
  return [...left, ...own].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The name of a header whose narrower match is not within the wider. */
function outsideOf(outer: readonly HeaderMatch[], own: readonly HeaderMatch[]): string | undefined {
  const found = own.find(({ name, match }) => {
    const wider = outer.find((other) => other.name === name)?.match;
    if (wider === undefined || wider.kind === 'present') return false;
    return match.kind === 'present' || !isWithin(wider, match);
  });
  return found?.name;
}

/** Whether all that `own` takes is taken by `outer`; of regular expressions that is known only of equal ones. */
function isWithin(outer: StringMatch | undefined, own: StringMatch | undefined): boolean {
  if (outer === undefined || own === undefined) return true;
  if (outer.kind === own.kind && outer.value === own.value) return true;
  return outer.kind === 'prefix' && own.kind !== 'regex' && own.value.startsWith(outer.value);
}

function text(match: StringMatch | undefined): string {
  return match === undefined ? 'anything' : `${match.kind} ${JSON.stringify(match.value)}`;
}

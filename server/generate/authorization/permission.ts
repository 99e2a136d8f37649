// What is asked for, in Envoy's terms. In: an operation of a rule, and conditions about the destination. Out: RBAC permissions.

import type { AuthorizationCondition, AuthorizationOperation, PathPattern } from '../../../discovery/model/policy.ts';
import type { Permission } from '../../../proto/generated/envoy.config.rbac.v3.ts';
import { attribute, cidrRange, headerMatcher, literalRegex, textMatcher, type Logic } from './matchers.ts';

export const permissions: Logic<Permission> = {
  any: () => ({ any: true }),
  all: (rules) => joined(rules, (set) => ({ andRules: { rules: set } }), { any: true }),
  some: (rules) => joined(rules, (set) => ({ orRules: { rules: set } }), { notRule: { any: true } }),
  not: (notRule) => ({ notRule }),
};

function joined<T>(parts: readonly T[], join: (parts: readonly T[]) => T, none: T): T {
  const [only, ...others] = parts;
  if (only === undefined) return none;
  return others.length === 0 ? only : join(parts);
}

export function operationPermission({ hosts, ports, methods, paths }: AuthorizationOperation): Permission {
  const parts: Permission[] = [];
  if (hosts !== undefined) {
    parts.push(attribute(hosts, permissions, (host) => ({ header: headerMatcher(':authority', host, true) })));
  }
  if (methods !== undefined) {
    parts.push(attribute(methods, permissions, (method) => ({ header: headerMatcher(':method', method) })));
  }
  if (paths !== undefined) parts.push(attribute(paths, permissions, pathPermission));
  if (ports !== undefined) parts.push(attribute(ports, permissions, (destinationPort) => ({ destinationPort })));
  return permissions.all(parts);
}

/** Undefined for a condition that is about the caller. */
export function conditionPermission(condition: AuthorizationCondition): Permission | undefined {
  switch (condition.kind) {
    case 'destination-ip':
      return attribute(condition.match, permissions, (block) => ({ destinationIp: cidrRange(block) }));
    case 'destination-port':
      return attribute(condition.match, permissions, (destinationPort) => ({ destinationPort }));
    case 'sni':
      return attribute(condition.match, permissions, (name) => ({ requestedServerName: textMatcher(name) }));
    default:
      return undefined;
  }
}

function pathPermission(pattern: PathPattern): Permission {
  const path =
    pattern.kind === 'template' ? { safeRegex: { regex: templateRegex(pattern.value) } } : textMatcher(pattern);
  return { urlPath: { path } };
}

// Not Envoy's own path templates: their `*` leaves out characters that a path may well hold, such as `=` and `[`, and what a
// DENY does not match is let in.
function templateRegex(template: string): string {
  const segments = template.split('/').map((segment) => {
    if (segment === '{*}') return '[^/]+';
    return segment === '{**}' ? '.*' : literalRegex(segment);
  });
  return segments.join('/');
}

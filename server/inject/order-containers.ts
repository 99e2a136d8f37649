// The order in which the containers of an injected pod start. In: containers and what is wanted. Out: the same in order. `kubectl logs`
// and `exec` mean the first container, so the proxy is last unless the application has to wait for it.

import { proxyName } from './decide-injection.ts';
import { initName } from './init-container.ts';
import { scalarAt, type Mapping } from './json-value.ts';

export function orderContainers(
  containers: readonly Mapping[],
  options: { readonly proxyFirst: boolean },
): readonly Mapping[] {
  return options.proxyFirst ? toFront(containers, [proxyName]) : toBack(containers, proxyName);
}

/**
 * Native: redirection, then those that are to run before the proxy, then the proxy, so that all others are part of the mesh.
 * Otherwise redirection is last: init containers would send to a proxy that does not run yet.
 */
export function orderInitContainers(
  containers: readonly Mapping[],
  options: { readonly isNative: boolean; readonly beforeProxy: readonly string[] },
): readonly Mapping[] {
  if (options.isNative) return toFront(containers, [initName, ...options.beforeProxy, proxyName]);
  return toBack(containers, initName);
}

function toFront(containers: readonly Mapping[], names: readonly string[]): readonly Mapping[] {
  const first = names.flatMap((name) => containers.filter((each) => scalarAt(each, 'name') === name));
  return [...new Set([...first, ...containers])];
}

function toBack(containers: readonly Mapping[], name: string): readonly Mapping[] {
  const isLast = (each: Mapping): boolean => scalarAt(each, 'name') === name;
  return [...containers.filter((each) => !isLast(each)), ...containers.filter((each) => isLast(each))];
}

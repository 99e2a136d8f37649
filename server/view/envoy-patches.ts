// Which patches of EnvoyFilters hold for one side of a proxy, and in which order: those of the root namespace, then those of the
// proxy's own; in each by priority, then the oldest first; those of one object as they are written.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/

import { RE2JS } from 're2js';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { EnvoyFilterPolicy, EnvoyPatch, ProxyPatchMatch } from '../../discovery/model/policy.ts';
import { filterName } from '../../discovery/policy/envoy-filter/filter-names.ts';
import { fullNameOfTypeUrl } from '../../proto/message-type.ts';
import type { ExtensionNames } from '../proxy/announced-extensions.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { policySelects } from './visibility.ts';

/** Whose configuration is patched: what a sidecar's workload receives or sends, or a gateway's. */
export type PatchSide = 'inbound' | 'outbound' | 'gateway';

/** A patch and the object that it is of. */
export interface ScopedPatch {
  readonly policy: EnvoyFilterPolicy;
  readonly patch: EnvoyPatch;
  /** An extension that it needs and the proxy says that it does not have. */
  readonly lacking?: string | undefined;
}

/** Undefined when there are none. */
export function envoyPatchesFor(proxy: Proxy, side: PatchSide, mesh: MeshSnapshot): readonly ScopedPatch[] | undefined {
  const { envoyFilters } = mesh.policies;
  if (envoyFilters.length === 0) return undefined;
  const { rootNamespace } = mesh.config;
  const of = (namespace: string): readonly EnvoyFilterPolicy[] =>
    envoyFilters
      .filter((policy) => policy.namespace === namespace && policySelects(policy, proxy))
      .toSorted((a, b) => a.priority - b.priority);
  const policies = [...of(rootNamespace), ...(proxy.namespace === rootNamespace ? [] : of(proxy.namespace))];
  const patches = policies.flatMap((policy) =>
    policy.patches.flatMap((patch) =>
      concerns(patch, side) && matchesProxy(patch.proxy, proxy) ? [scoped(policy, patch, proxy.extensions)] : [],
    ),
  );
  return patches.length === 0 ? undefined : patches;
}

/** What of them decides: for the key of a scope. */
export function patchesKey(patches: readonly ScopedPatch[]): readonly string[] {
  return patches.map(
    ({ policy, patch, lacking }) =>
      `${policy.source} ${policy.digest} ${patch.index}${lacking === undefined ? '' : ` lacks ${lacking}`}`,
  );
}

function scoped(policy: EnvoyFilterPolicy, patch: EnvoyPatch, extensions: ExtensionNames | undefined): ScopedPatch {
  const lacking = extensions === undefined ? undefined : lackingOf(patch, extensions);
  return { policy, patch, ...(lacking === undefined ? {} : { lacking }) };
}

/** Envoy finds the extension by the type of its configuration, and where that is none of its own, by the filter's name. */
function lackingOf({ operation, value }: EnvoyPatch, extensions: ExtensionNames): string | undefined {
  if (value === undefined || operation === 'merge' || operation === 'merge-replacing-lists') return undefined;
  const { name, typedConfig } = value;
  const type = configuredType(typedConfig);
  if (type === undefined || extensions.has(type)) return undefined;
  return typeof name === 'string' && extensions.has(filterName(name)) ? undefined : type;
}

/** Of filters and of extension configurations, which alone have a `typed_config` of their own. */
function configuredType(config: unknown): string | undefined {
  if (!isMapping(config) || typeof config['typeUrl'] !== 'string') return undefined;
  const type = fullNameOfTypeUrl(config['typeUrl']);
  const { plain } = config;
  // What a struct stands for is said inside.
  if (type === 'xds.type.v3.TypedStruct' || type === 'udpa.type.v1.TypedStruct') return configuredType(plain);
  return type;
}

function concerns({ applyTo, context, operation }: EnvoyPatch, side: PatchSide): boolean {
  // A name of its own, for whoever of the proxy's listeners refers to it.
  if (applyTo === 'extension-config') return side !== 'inbound';
  if (context !== 'any') return context === side;
  // What is added as a whole would be there twice.
  return side !== 'inbound' || operation !== 'add' || (applyTo !== 'listener' && applyTo !== 'cluster');
}

function matchesProxy(match: ProxyPatchMatch | undefined, { istioVersion, metadata = {} }: Proxy): boolean {
  if (match === undefined) return true;
  if (match.version !== undefined && (istioVersion === '' || !versionOf(match).matcher(istioVersion).find())) {
    return false;
  }
  return Object.entries(match.metadata).every(([name, value]) => metadata[name] === value);
}

const compiled = new WeakMap<ProxyPatchMatch, RE2JS>();

/** Matches are immutable, and asked of each proxy at each change of policies. */
function versionOf(match: ProxyPatchMatch): RE2JS {
  const known = compiled.get(match) ?? RE2JS.compile(match.version ?? '');
  compiled.set(match, known);
  return known;
}

// The injection itself: a pod in, the same pod with its proxy out. Pure. What the pod's own container `istio-proxy` says beats the
// templates; a pod that has its sidecar is left alone, so injecting twice changes nothing.

import { isTrueText, listOf } from './annotation-values.ts';
import { noProxyConfigs, type DeclaredProxyConfigs } from './declared-proxy-config.ts';
import { decideInjection, proxyName } from './decide-injection.ts';
import { InjectError } from './inject-error.ts';
import { initContainer } from './init-container.ts';
import { injectedAnnotations, injectedLabels } from './injected-metadata.ts';
import { builtInTemplates, type InjectionSettings } from './injection-settings.ts';
import { mappingAt, mappingsAt, scalarAt, textsAt, type Mapping } from './json-value.ts';
import { mergePrometheus, prometheusVariable } from './merge-prometheus.ts';
import { orderContainers, orderInitContainers } from './order-containers.ts';
import { proxyContainer } from './proxy-container.ts';
import { plain } from './proxy-environment.ts';
import { proxyVolumes } from './proxy-volumes.ts';
import { probersVariable, rewriteProbes } from './rewrite-probes.ts';
import { beforeProxy, remarks, sidecarContext, type CallerFacts, type SidecarContext } from './sidecar-context.ts';
import { strategicMerge } from './strategic-merge.ts';

export interface InjectionRequest {
  readonly pod: Mapping;
  /** Of the pod, which may not say it itself. */
  readonly namespace: string;
  readonly settings: InjectionSettings;
  readonly caller?: CallerFacts;
  /** Objects of kind ProxyConfig; absent: there are none. */
  readonly declared?: DeclaredProxyConfigs;
}

export type InjectionResult =
  | { readonly kind: 'injected'; readonly pod: Mapping; readonly remarks: readonly string[] }
  /** The pod stays as it is, for a reason. */
  | { readonly kind: 'left-alone'; readonly reason: string };

/** Errors: `invalid-pod`, `invalid-annotation`, `unknown-template`. Their message begins with the pod. */
export function injectPod(request: InjectionRequest): InjectionResult | InjectError {
  const { pod, namespace, settings } = request;
  if (mappingsAt(pod, 'spec', 'containers').length === 0)
    return about(request, new InjectError('invalid-pod', 'has no spec.containers.'));
  const decision = decideInjection(pod, namespace, settings);
  if (!decision.inject) return { kind: 'left-alone', reason: decision.reason };
  const templates = chosenTemplates(pod, settings);
  if (templates instanceof InjectError) return about(request, templates);
  const base = templates.find((name) => builtInTemplates.includes(name));
  const role = base === 'gateway' ? 'router' : 'sidecar';
  const { caller = {}, declared = noProxyConfigs } = request;
  const context = sidecarContext({ role, pod, namespace, settings, caller, declared });
  if (context instanceof InjectError) return about(request, context);
  let added: Mapping = base === undefined ? {} : builtInTemplate(context);
  for (const name of templates) added = strategicMerge(added, settings.templates.get(name) ?? {});
  const { userProxy } = context;
  const withUser =
    userProxy !== undefined && hasProxy(added)
      ? withUserProxy(strategicMerge(withoutProxy(pod), added), userProxy)
      : strategicMerge(pod, added);
  return { kind: 'injected', pod: finished(context, withUser, added), remarks: remarks(context) };
}

/** `namespace/name`, or what the name will begin with. */
export function podName(pod: Mapping, namespace: string): string {
  const metadata = mappingAt(pod, 'metadata');
  const generated = scalarAt(metadata, 'generateName');
  return `${namespace}/${scalarAt(metadata, 'name') || (generated === undefined ? '(unnamed)' : `${generated}…`)}`;
}

function about({ pod, namespace }: InjectionRequest, error: InjectError): InjectError {
  return new InjectError(error.code, `Pod ${podName(pod, namespace)}: ${error.message}`, { cause: error });
}

/** Names without aliases, each of which is there. Errors: `unknown-template`. */
function chosenTemplates(pod: Mapping, settings: InjectionSettings): readonly string[] | InjectError {
  const said = textsAt(pod, 'metadata', 'annotations')['inject.istio.io/templates'];
  const asked = said === undefined ? settings.defaultTemplates : listOf(said);
  const names = asked.flatMap((name) => settings.aliases.get(name) ?? [name]);
  const known = [...builtInTemplates, ...settings.templates.keys()];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  return new InjectError(
    'unknown-template',
    `template "${unknown}" (${said === undefined ? 'defaultTemplates' : 'annotation inject.istio.io/templates'}) does not exist: use ${known.join(', ')}.`,
  );
}

function builtInTemplate(context: SidecarContext): Mapping {
  const { volumes, mounts } = proxyVolumes(context);
  const proxy = proxyContainer(context, mounts);
  const init = initContainer(context);
  const { isNative, settings } = context;
  const initContainers = [...(init === undefined ? [] : [init]), ...(isNative ? [proxy] : [])];
  const secrets = settings.images.pullSecrets.map((name) => ({ name }));
  const ownGroup = mappingAt(context.pod, 'spec', 'securityContext')['fsGroup'];
  return {
    spec: {
      ...(initContainers.length === 0 ? {} : { initContainers }),
      ...(isNative ? {} : { containers: [proxy] }),
      volumes,
      ...(secrets.length === 0 ? {} : { imagePullSecrets: secrets }),
      ...(settings.fsGroup === undefined || ownGroup !== undefined
        ? {}
        : { securityContext: { fsGroup: settings.fsGroup } }),
    },
  };
}

function isProxy(container: Mapping): boolean {
  return scalarAt(container, 'name') === proxyName;
}

function hasProxy(pod: Mapping): boolean {
  return [...mappingsAt(pod, 'spec', 'containers'), ...mappingsAt(pod, 'spec', 'initContainers')].some(isProxy);
}

/** The user's `istio-proxy` comes back after the templates, wherever they have put the container. */
function withoutProxy(pod: Mapping): Mapping {
  return mapContainers(pod, (containers) => containers.filter((each) => !isProxy(each)));
}

function withUserProxy(pod: Mapping, user: Mapping): Mapping {
  // A container must have an image, so `auto` stands for the one that is injected.
  const { image, ...rest } = user;
  const own = image === 'auto' || image === undefined ? rest : user;
  return mapContainers(pod, (containers) =>
    containers.map((each) => (isProxy(each) ? strategicMerge(each, own) : each)),
  );
}

function mapContainers(pod: Mapping, map: (containers: readonly Mapping[]) => readonly Mapping[]): Mapping {
  const spec: Record<string, unknown> = { ...mappingAt(pod, 'spec') };
  for (const field of ['containers', 'initContainers']) {
    if (spec[field] !== undefined) spec[field] = map(mappingsAt(spec, field));
  }
  return { ...pod, spec };
}

/** What depends on the whole pod: probes, metrics, order, labels and annotations. */
function finished(context: SidecarContext, pod: Mapping, added: Mapping): Mapping {
  const { annotations, settings, statusPort, role } = context;
  const spec = mappingAt(pod, 'spec');
  const variables: Mapping[] = [];
  let initContainers = mappingsAt(spec, 'initContainers');
  let containers = mappingsAt(spec, 'containers');
  const said = annotations['sidecar.istio.io/rewriteAppHTTPProbers'];
  const rewrites = said === undefined ? settings.probes.rewrite : isTrueText(said);
  if (role === 'sidecar' && rewrites && statusPort !== 0) {
    const ordinary = rewriteProbes(containers, statusPort);
    const initial = rewriteProbes(initContainers, statusPort);
    containers = ordinary.containers;
    initContainers = initial.containers;
    const probers = { ...initial.probers, ...ordinary.probers };
    if (Object.keys(probers).length > 0) variables.push(plain(probersVariable, JSON.stringify(probers)));
  }
  const metadata = mappingAt(pod, 'metadata');
  const marked = injectedAnnotations({ ...context, annotations: textsAt(metadata, 'annotations') }, added);
  const wantsMerge = annotations['prometheus.istio.io/merge-metrics'];
  const merges = statusPort !== 0 && (wantsMerge === undefined ? settings.mergePrometheus : isTrueText(wantsMerge));
  const merged = merges ? mergePrometheus(marked, statusPort) : undefined;
  if (merged?.scrape !== undefined) variables.push(plain(prometheusVariable, merged.scrape));
  const { holdApplication, isNative } = context;
  const tell = (each: Mapping): Mapping => (isProxy(each) ? strategicMerge(each, { env: variables }) : each);
  const orderedInit = orderInitContainers(initContainers.map(tell), {
    isNative,
    beforeProxy: beforeProxy(annotations),
  });
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: injectedLabels({ ...context, labels: textsAt(metadata, 'labels') }),
      annotations: merged?.annotations ?? marked,
    },
    spec: {
      ...spec,
      ...(orderedInit.length === 0 ? {} : { initContainers: orderedInit }),
      containers: orderContainers(containers.map(tell), { proxyFirst: holdApplication && !isNative }),
    },
  };
}

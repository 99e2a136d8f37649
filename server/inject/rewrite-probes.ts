// Probes of the application sent through the proxy's agent: a kubelet has no certificate, so it can't ask an application that takes
// mutual TLS only. In: the pod's containers and the agent's port. Out: the containers with other probes, and what the agent is to ask
// instead, by path, as ISTIO_KUBE_APP_PROBERS wants it.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { proxyName } from './decide-injection.ts';
import { mappingAt, mappingsAt, scalarAt, type Mapping } from './json-value.ts';

export interface RewrittenProbes {
  readonly containers: readonly Mapping[];
  /** By path, e.g. `/app-health/web/readyz`. */
  readonly probers: Readonly<Record<string, Mapping>>;
}

export const probersVariable = 'ISTIO_KUBE_APP_PROBERS';

const probePaths = { startupProbe: 'startupz', livenessProbe: 'livez', readinessProbe: 'readyz' } as const;
const hookPaths = { postStart: 'poststartz', preStop: 'prestopz' } as const;

export function rewriteProbes(containers: readonly Mapping[], statusPort: number): RewrittenProbes {
  const probers: Record<string, Mapping> = {};
  const rewritten = containers.map((container) => {
    const name = scalarAt(container, 'name') ?? '';
    if (name === proxyName) return container;
    const portOf = portsOf(container);
    const changed: Record<string, unknown> = {};
    for (const [field, path] of Object.entries(probePaths)) {
      const probe = container[field];
      const prober = isMapping(probe) ? proberOf(probe, portOf, statusPort) : undefined;
      if (!isMapping(probe) || prober === undefined) continue;
      const at = `/app-health/${name}/${path}`;
      probers[at] = { ...prober, ...timeoutOf(probe) };
      const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...rest } = probe;
      changed[field] = { ...rest, httpGet: throughAgent(probe, at, statusPort) };
    }
    const lifecycle = rewriteHooks(container, portOf, statusPort, probers);
    return { ...container, ...changed, ...(lifecycle === undefined ? {} : { lifecycle }) };
  });
  return { containers: rewritten, probers };
}

/** `httpGet` of lifecycle hooks meets the same locked door. Undefined when nothing changes. */
function rewriteHooks(
  container: Mapping,
  portOf: PortLookup,
  statusPort: number,
  probers: Record<string, Mapping>,
): Mapping | undefined {
  const name = scalarAt(container, 'name') ?? '';
  const changed: Record<string, unknown> = {};
  for (const [field, path] of Object.entries(hookPaths)) {
    const handler = mappingAt(container, 'lifecycle')[field];
    if (!isMapping(handler) || !isMapping(handler['httpGet'])) continue;
    const prober = proberOf({ httpGet: handler['httpGet'] }, portOf, statusPort);
    if (prober === undefined) continue;
    const at = `/app-lifecycle/${name}/${path}`;
    probers[at] = prober;
    changed[field] = { ...handler, httpGet: throughAgent(handler, at, statusPort) };
  }
  return Object.keys(changed).length === 0 ? undefined : { ...mappingAt(container, 'lifecycle'), ...changed };
}

type PortLookup = (port: unknown) => number | undefined;

/** Numbers of named ports; a name that the container does not have is for the kubelet to complain of. */
function portsOf(container: Mapping): PortLookup {
  const named = new Map(mappingsAt(container, 'ports').map((each) => [each['name'], each['containerPort']]));
  return (port) => {
    const found = typeof port === 'string' && !/^\d+$/.test(port) ? named.get(port) : Number(port);
    return typeof found === 'number' && Number.isInteger(found) ? found : undefined;
  };
}

/** What the agent asks. Undefined: the probe stays, since it runs a program, asks elsewhere or asks the agent already. */
function proberOf(probe: Mapping, portOf: PortLookup, statusPort: number): Mapping | undefined {
  const kind = (['httpGet', 'tcpSocket', 'grpc'] as const).find((each) => isMapping(probe[each]));
  if (kind === undefined) return undefined;
  const action = mappingAt(probe, kind);
  const port = portOf(action['port']);
  const isElsewhere = (scalarAt(action, 'host') ?? '') !== '';
  if (port === undefined || port === statusPort || isElsewhere) return undefined;
  return { [kind]: { ...action, port } };
}

function timeoutOf(probe: Mapping): Mapping {
  const seconds = probe['timeoutSeconds'];
  return typeof seconds === 'number' ? { timeoutSeconds: seconds } : {};
}

/** Headers stay, for the agent passes them on; TLS is the agent's to speak. */
function throughAgent(probe: Mapping, path: string, statusPort: number): Mapping {
  const headers = mappingAt(probe, 'httpGet')['httpHeaders'];
  return { path, port: statusPort, ...(headers === undefined ? {} : { httpHeaders: headers }) };
}

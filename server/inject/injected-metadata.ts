// Labels and annotations that an injected pod gets: what the mesh reads of it, and that it was injected. In: the context, what was
// added. Out: labels and annotations to merge in; those that the pod has already stay as they are.

import { label } from '../../discovery/convert/well-known.ts';
import { statusAnnotation } from './decide-injection.ts';
import { mappingAt, mappingsAt, scalarAt, type Mapping } from './json-value.ts';
import type { SidecarContext } from './sidecar-context.ts';

type Texts = Readonly<Record<string, string>>;

/** A label's value has at most 63 characters and ends with a letter or digit. */
const maxLabelLength = 63;
const defaultContainer = ['kubectl.kubernetes.io/default-container', 'kubectl.kubernetes.io/default-logs-container'];

export function injectedLabels({ labels, owner, network }: SidecarContext): Texts {
  const name = labels[label.canonicalName] ?? labels[label.appName] ?? labels['app'] ?? owner.name;
  const revision = labels[label.canonicalRevision] ?? labels[label.appVersion] ?? labels['version'] ?? 'latest';
  const added: Record<string, string> = {
    [label.tlsMode]: 'istio',
    ...(name === '' ? {} : { [label.canonicalName]: labelValue(name) }),
    [label.canonicalRevision]: labelValue(revision),
    ...(network === '' ? {} : { [label.network]: network }),
  };
  return { ...added, ...labels };
}

export function injectedAnnotations(
  { annotations, applications, settings, role }: SidecarContext,
  added: Mapping,
): Texts {
  const [first] = applications.map((each) => scalarAt(each, 'name') ?? '');
  const own = role === 'router' || first === undefined ? [] : defaultContainer.map((name) => [name, first] as const);
  return {
    ...settings.injectedAnnotations,
    ...Object.fromEntries(own),
    'istio.io/rev': settings.revision,
    ...annotations,
    [statusAnnotation]: statusOf(added, settings.revision),
  };
}

/** JSON of the names of what was added, as Istio's tools read it: null where there is nothing. */
function statusOf(added: Mapping, revision: string): string {
  const names = (field: string): readonly string[] | null => {
    const list = mappingsAt(mappingAt(added, 'spec'), field).map((each) => scalarAt(each, 'name') ?? '');
    return list.length === 0 ? null : list;
  };
  return JSON.stringify({
    initContainers: names('initContainers'),
    containers: names('containers'),
    volumes: names('volumes'),
    imagePullSecrets: names('imagePullSecrets'),
    revision,
  });
}

function labelValue(text: string): string {
  return text.slice(0, maxLabelLength).replace(/[^a-zA-Z0-9]+$/, '');
}

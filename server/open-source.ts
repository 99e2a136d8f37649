// A registry location to the source that reads it.

import { DirectorySource } from '../discovery/source/directory-source.ts';
import type { KubeCredentials } from '../discovery/source/kube/kube-config.ts';
import { KubeSource } from '../discovery/source/kube/kube-source.ts';
import type { ObjectSightings } from '../discovery/source/kube/object-sightings.ts';
import { UnreadSource } from '../discovery/source/unread-source.ts';
import type { Source, SourceScope } from '../discovery/model/source-event.ts';
import type { RegistryLocation, RemoteAllowances } from './config.ts';
import type { RemoteSpec } from './remote-spec.ts';

export interface OpenSourceOptions {
  readonly scope: SourceScope;
  /** Where the mesh keeps its own objects. */
  readonly systemNamespace: string;
  /** Hears of the objects of an API server; a directory has none to tell. */
  readonly sightings?: ObjectSightings | undefined;
  /** Runs a function once what has arrived in this turn of the event loop was read. */
  readonly atEndOfTurn?: ((run: () => void) => void) | undefined;
}

/** The source of a cluster. Nothing is read before it runs. */
export function openSource(location: RegistryLocation, options: OpenSourceOptions): Source {
  if (location.kind === 'directory') return new DirectorySource({ directory: location.path, scope: options.scope });
  const credentials: KubeCredentials =
    location.kind === 'kubeconfig' ? { kind: 'file', path: location.path } : { kind: 'in-cluster' };
  return new KubeSource({ ...options, credentials });
}

export interface OpenRemoteSourceOptions extends Pick<OpenSourceOptions, 'systemNamespace' | 'atEndOfTurn'> {
  readonly allow: RemoteAllowances;
}

/** The source of a remote cluster. Nothing is read before it runs. */
export function openRemoteSource({ location, narrowing }: RemoteSpec, options: OpenRemoteSourceOptions): Source {
  const { systemNamespace, allow, atEndOfTurn } = options;
  const shared = { scope: 'discovery-only', systemNamespace, narrowing, atEndOfTurn } as const;
  if (location.kind === 'directory' || location.kind === 'in-cluster') return openSource(location, shared);
  if (location.kind === 'unknown') {
    const reason = 'what declares it has not been read: the primary is not known yet';
    return new UnreadSource({ description: 'remembered', reason });
  }
  if (location.kind === 'kubeconfig-text') {
    const credentials: KubeCredentials = { kind: 'text', kubeconfig: location.kubeconfig.reveal() };
    return new KubeSource({ ...shared, credentials, allow });
  }
  // Whoever chose the file chose the files that it names.
  const credentials: KubeCredentials = { kind: 'file', path: location.path };
  return new KubeSource({ ...shared, credentials, allow: { programs: allow.programs } });
}

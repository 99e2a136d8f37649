// A registry location to the source that reads it.

import { DirectorySource } from '../discovery/source/directory-source.ts';
import { KubeSource } from '../discovery/source/kube/kube-source.ts';
import { UnreadSource } from '../discovery/source/unread-source.ts';
import type { Source, SourceScope } from '../discovery/model/source-event.ts';
import type { RegistryLocation, RemoteAllowances } from './config.ts';
import type { RemoteSpec } from './remote-spec.ts';

export interface OpenSourceOptions {
  readonly scope: SourceScope;
  /** Where the mesh keeps its own objects. */
  readonly systemNamespace: string;
}

/** The source of a cluster. Nothing is read before it runs. */
export function openSource(location: RegistryLocation, options: OpenSourceOptions): Source {
  switch (location.kind) {
    case 'directory':
      return new DirectorySource({ directory: location.path, scope: options.scope });
    case 'kubeconfig':
      return new KubeSource({ ...options, credentials: { kind: 'file', path: location.path } });
    case 'in-cluster':
      return new KubeSource({ ...options, credentials: { kind: 'in-cluster' } });
  }
}

export interface OpenRemoteSourceOptions {
  readonly systemNamespace: string;
  readonly allow: RemoteAllowances;
}

/** The source of a remote cluster. Nothing is read before it runs. */
export function openRemoteSource({ location, narrowing }: RemoteSpec, options: OpenRemoteSourceOptions): Source {
  const { systemNamespace, allow } = options;
  const shared = { scope: 'discovery-only', systemNamespace, narrowing } as const;
  switch (location.kind) {
    case 'directory':
    case 'in-cluster':
      return openSource(location, shared);
    case 'kubeconfig':
      // Whoever chose the file chose the files that it names.
      return new KubeSource({
        ...shared,
        credentials: { kind: 'file', path: location.path },
        allow: { programs: allow.programs },
      });
    case 'kubeconfig-text':
      return new KubeSource({
        ...shared,
        credentials: { kind: 'text', kubeconfig: location.kubeconfig.reveal() },
        allow,
      });
    case 'unknown':
      return new UnreadSource({
        description: 'remembered',
        reason: 'what declares it has not been read: the primary is not known yet',
      });
  }
}

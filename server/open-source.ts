// A registry location to the source that reads it.

import { DirectorySource } from '../discovery/source/directory-source.ts';
import { KubeSource } from '../discovery/source/kube/kube-source.ts';
import type { Source, SourceScope } from '../discovery/model/source-event.ts';
import type { RegistryLocation } from './config.ts';

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

// A registry location to the source that reads it.

import { DirectorySource } from '../discovery/source/directory-source.ts';
import type { Source, SourceScope } from '../discovery/model/source-event.ts';
import { ConfigError, type RegistryLocation } from './config.ts';

/** @throws ConfigError when the location can't be read by this version */
export function openSource(location: RegistryLocation, scope: SourceScope): Source {
  if (location.kind === 'directory') return new DirectorySource({ directory: location.path, scope });
  const what = location.kind === 'kubeconfig' ? `The kubeconfig ${location.path}` : 'The in-cluster configuration';
  throw new ConfigError(`${what} can't be read by this version: name a directory of Kubernetes YAML instead.`);
}

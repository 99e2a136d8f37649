// How this instance names itself to `istioctl`: the JSON in `control_plane.identifier`.
// Keys: istio/istio pilot/pkg/xds/xdsgen.go, pkg/version/version.go.

import type { BuildInfo } from '../build-info.ts';

/** @param instance name of the pod, or of the machine */
export function controlPlaneId(instance: string, { version, revision, status }: BuildInfo): string {
  return JSON.stringify({
    Component: 'istiod',
    ID: instance,
    Info: { version, revision, golang_version: '', status, tag: version },
  });
}

// The roots of the mesh as Istio's agents are told of them: one ProxyConfig for all proxies, with one certificate an element.

import type { CaMaterial } from '../ca/ca-material.ts';
import { ProxyConfig } from '../proto/generated/istio.mesh.v1alpha1.ts';
import { encodeResource } from './cache/encode-resource.ts';
import { emptyResourceSet, type TypeSnapshot } from './cache/type-snapshot.ts';

export class MeshRoots {
  #snapshot: TypeSnapshot | undefined;

  /** Undefined until there are any. */
  get snapshot(): TypeSnapshot | undefined {
    return this.#snapshot;
  }

  replace({ roots }: Pick<CaMaterial, 'roots'>): void {
    const caCertificatesPem = roots.map(({ x509 }) => x509.toString());
    const resource = encodeResource<ProxyConfig>({
      type: ProxyConfig,
      name: 'proxy-config',
      message: { caCertificatesPem },
      sources: [],
    });
    this.#snapshot = { parts: [emptyResourceSet.with([[resource.name, resource]])] };
  }
}

// Fields of MeshConfig that have no effect here, with what to do in their stead. Whatever else is not read is told by its name alone.

import type { FieldReader } from './field-reader.ts';

/** A warning for each that is there. */
export function warnOfUnsupported(reader: FieldReader): void {
  if (reader.raw('verifyCertificateAtClient') === false) {
    const path = reader.at('verifyCertificateAtClient');
    const message = `${path} has no effect: servers are always verified; use insecureSkipVerify of a DestinationRule`;
    reader.findings.warn('unsupported-field', path, message);
  }
  for (const [name, remedy] of Object.entries(instead)) {
    if (!reader.has(name)) continue;
    const path = reader.at(name);
    reader.findings.warn('unsupported-field', path, `${path} is not supported and has no effect: ${remedy}`);
  }
}

const instead: Readonly<Record<string, string>> = {
  enableTracing: 'name a provider in defaultProviders.tracing, or in a Telemetry',
  enableEnvoyAccessLogService: 'declare envoyHttpAls or envoyTcpAls in extensionProviders',
  protocolDetectionTimeout: 'name the protocol of ports that need not be waited for',
  discoverySelectors: 'give the reader account rights to the namespaces that are meant, or use exportTo and Sidecars',
  caCertificates: 'add the roots to root-cert.pem of the authority',
  tlsDefaults: 'set tls of a Gateway, or meshMTLS.minProtocolVersion for the mesh itself',
  inboundClusterStatName: "use Istio's metrics, which have labels",
  outboundClusterStatName: "use Istio's metrics, which have labels",
  proxyHttpPort: 'connections are redirected, so no application needs a proxy port',
  proxyListenPort: 'the port is 15001',
  proxyInboundListenPort: 'the port is 15006',
  ingressControllerMode: 'use a Gateway and VirtualServices instead of Ingress',
  ingressClass: 'use a Gateway and VirtualServices instead of Ingress',
  ingressService: 'use a Gateway and VirtualServices instead of Ingress',
  ingressSelector: 'use a Gateway and VirtualServices instead of Ingress',
  certificates: 'Kubernetes signs none here; the authority of the mesh does',
  ca: 'name an authority with --ca-dir or the Secret cacerts',
  configSources: 'the primary is named by --kubeconfig or --registry',
};

// The names that a pod may use for what is in the mesh. In: the control plane's name table and where the pod is. Out: a lookup
// from a name, as it is asked for, to the addresses behind it. Pure.

import { isIP } from 'node:net';
import type { NameTable, NameTable_NameInfo } from '../../proto/generated/istio.networking.nds.v1.ts';

/** What decides how names are shortened and which suffixes a resolver tries. All in lower case, without a dot at the end. */
export type PodNames = {
  readonly namespace: string;
  /** Of services: `svc.cluster.local`. */
  readonly domain: string;
  /** The first suffix that the pod's resolver tries, `NAMESPACE.svc.cluster.local`; undefined when it tries none. */
  readonly firstSearch: string | undefined;
};

export type ServicePort = { readonly name: string; readonly port: number; readonly protocol: 'tcp' | 'udp' };

/** One host of the mesh. */
export type KnownHost = {
  /** Full name, or a wildcard such as `*.example.com`. */
  readonly host: string;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Only where nobody else can answer for them: the service is in other clusters only. */
  readonly ports: readonly ServicePort[];
};

export type FoundName = {
  readonly known: KnownHost;
  /** The name was lengthened by the resolver; this is what it stands for. */
  readonly standsFor: string | undefined;
};

/** The registry whose services have short names. */
const kubernetes = 'Kubernetes';

export class NameLookup {
  readonly #exact = new Map<string, KnownHost>();
  /** `*.example.com` under `example.com`. */
  readonly #wildcards = new Map<string, KnownHost>();
  readonly #suffix: string | undefined;

  constructor(table: NameTable, pod: PodNames) {
    this.#suffix = pod.firstSearch === undefined ? undefined : `.${pod.firstSearch}`;
    const aliases: [string, KnownHost][] = [];
    for (const [name, info] of Object.entries(table.table ?? {})) {
      const known = knownHost(name, info);
      if (known === undefined) continue;
      if (known.host.startsWith('*.')) this.#wildcards.set(known.host.slice(2), known);
      else this.#exact.set(known.host, known);
      for (const alias of shortNames(known.host, info, pod)) aliases.push([alias, known]);
    }
    // A host that is called like another's short name is that host.
    for (const [alias, known] of aliases) if (!this.#exact.has(alias)) this.#exact.set(alias, known);
  }

  /** Names that lead somewhere; a wildcard is one. */
  get size(): number {
    return this.#exact.size + this.#wildcards.size;
  }

  /** `name` in lower case, without a dot at the end. Undefined for what the mesh does not know. */
  find(name: string): FoundName | undefined {
    const known = this.#named(name);
    if (known !== undefined) return { known, standsFor: undefined };
    if (this.#suffix === undefined || !name.endsWith(this.#suffix)) return undefined;
    // An application that asks for `api.example.com` has a resolver that asks for `api.example.com.NAMESPACE.svc.…` first.
    const base = name.slice(0, -this.#suffix.length);
    const meant = this.#named(base);
    if (meant === undefined) return undefined;
    return { known: meant, standsFor: meant.host.startsWith('*') ? base : meant.host };
  }

  #named(name: string): KnownHost | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined || this.#wildcards.size === 0) return exact;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const wildcard = this.#wildcards.get(name.slice(dot + 1));
      if (wildcard !== undefined) return wildcard;
    }
    return undefined;
  }
}

/** Without dots at the end, ASCII letters lowered: the form in which names are compared. */
export function foldName(name: string): string {
  return name.replace(/\.$/, '').replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function knownHost(name: string, { ips = [], ports = [] }: NameTable_NameInfo): KnownHost | undefined {
  const host = foldName(name);
  const ipv4 = ips.filter((ip) => isIP(ip) === 4);
  const ipv6 = ips.filter((ip) => isIP(ip) === 6);
  if (host === '' || (ipv4.length === 0 && ipv6.length === 0)) return undefined;
  return {
    host,
    ipv4,
    ipv6,
    ports: ports.map(({ name: portName = '', number = 0, udp = false }) => ({
      name: portName,
      port: number,
      protocol: udp ? 'udp' : 'tcp',
    })),
  };
}

/** As the search path of a pod makes them: `NAME` in its own namespace, `NAME.NAMESPACE`, `NAME.NAMESPACE.svc`. */
function shortNames(host: string, info: NameTable_NameInfo, pod: PodNames): readonly string[] {
  const { registry, shortname = '', namespace = '' } = info;
  if (registry !== kubernetes || shortname === '' || namespace === '') return [];
  const withNamespace = `${foldName(shortname)}.${foldName(namespace)}`;
  if (host !== `${withNamespace}.${pod.domain}` && !host.endsWith(`.${pod.domain}`)) return [];
  // `svc`, of `svc.cluster.local`.
  const kind = pod.domain.split('.')[0] ?? '';
  const names = [withNamespace, `${withNamespace}.${kind}`];
  return foldName(namespace) === pod.namespace ? [foldName(shortname), ...names] : names;
}

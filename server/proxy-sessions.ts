// The bridge from the streams to the cache: a stream's first message becomes a proxy, checked against who is really on
// the other end, attached to its class; what the proxy answers is kept for those who ask.

import type { ClusterId, NetworkId, ObjectKey } from '../discovery/model/names.ts';
import { resourceName, type EncodedResource, type ResourceName } from './cache/encoded-resource.ts';
import { generatedTypes, type Attachment, type ResourceCache } from './cache/resource-cache.ts';
import { emptyTypeSnapshot, lookUp, type TypeSnapshot } from './cache/type-snapshot.ts';
import type { GatewayCredentials, HeldCredentials } from './credentials/gateway-credentials.ts';
import { generatorOf, notServed } from './proxy/generator.ts';
import { identityMismatch } from './proxy/identity-mismatch.ts';
import { AnnouncedExtensions } from './proxy/announced-extensions.ts';
import { parseNode } from './proxy/parse-node.ts';
import type { Proxy } from './proxy/proxy.ts';
import type { Machines } from './open-machines.ts';
import type {
  AckReport,
  OpenedNode,
  Peer,
  Refusal,
  SnapshotListener,
  SnapshotSource,
  StreamOpening,
} from './stream/snapshot-source.ts';
import { typeUrls } from './stream/type-rules.ts';

/** A response that a proxy rejected, with the objects that it may come from. */
export interface Rejection {
  readonly typeUrl: string;
  /** Envoy's own words, cut to a bearable length. */
  readonly message: string;
  /** The resources that Envoy names, or all of the response when it names none. */
  readonly resourceNames: readonly ResourceName[];
  readonly sources: readonly ObjectKey[];
  readonly atMs: number;
}

/** A rejection of which it is known what the proxy can't take, or that this can't be found out: then `blamed` is empty. */
export interface KnownRejection extends Rejection {
  readonly blamed: readonly EncodedResource[];
}

/** One open stream, as far as the engine knows. */
export interface ProxySession {
  readonly openedAtMs: number;
  readonly attachment: Attachment;
  readonly listener: SnapshotListener;
  /** By type; the last one, kept after a later response was accepted. */
  readonly rejections: ReadonlyMap<string, Rejection>;
}

export interface ProxySessionsOptions {
  readonly cache: ResourceCache;
  readonly defaultClusterId: ClusterId;
  readonly defaultNetwork: NetworkId;
  /** Identities of other trust domains are not of this mesh. */
  readonly trustDomains: readonly string[];
  /** ProxyConfig with the roots of the mesh; undefined while there are none. */
  readonly roots: () => TypeSnapshot | undefined;
  /** Credentials of gateways, for streams whose peers are authenticated; absent: there are none. */
  readonly credentials?: Pick<GatewayCredentials, 'hold'> | undefined;
  /** Machines that register by themselves; absent: none does. */
  readonly machines?: Pick<Machines, 'hold'> | undefined;
  readonly now: () => number;
  /** Streams are refused until then, so that a proxy is never told of an empty mesh. */
  readonly ready: () => boolean;
  readonly onRejection: (proxy: Proxy, rejection: KnownRejection) => void;
}

const maxMessageChars = 4096;
const maxResourceNames = 100;

export class ProxySessions implements SnapshotSource {
  readonly #options: ProxySessionsOptions;
  readonly #sessions = new Map<Peer, ProxySession>();
  readonly #extensions = new AnnouncedExtensions();

  constructor(options: ProxySessionsOptions) {
    this.#options = options;
  }

  /** The engine's side of the stream with this peer value; undefined before its first message and after its end. */
  session(peer: Peer): ProxySession | undefined {
    return this.#sessions.get(peer);
  }

  sessions(): Iterable<ProxySession> {
    return this.#sessions.values();
  }

  /** The roots are others now: those that asked for them are told. */
  rootsChanged(): void {
    const types = new Set([typeUrls.proxyConfig]);
    for (const { listener } of this.#sessions.values()) listener(types);
  }

  open(opening: StreamOpening, listener: SnapshotListener): OpenedNode | Refusal {
    // Not the node, which is large: what is kept of it is in the proxy.
    const { peer, variant } = opening;
    const extensions = this.#extensions;
    const { cache, defaultClusterId, defaultNetwork } = this.#options;
    if (!this.#options.ready()) {
      return refuse('UNAVAILABLE', 'The primary cluster has not been read yet; connect again in a moment.');
    }
    const unserved = notServed(generatorOf(opening.node));
    if (unserved !== undefined) return refuse('UNIMPLEMENTED', unserved);
    const proxy = parseNode(opening.node, { variant, defaultClusterId, defaultNetwork, extensions });
    if ('kind' in proxy) return refuse('INVALID_ARGUMENT', proxy.message);
    const mismatch = identityMismatch(peer, proxy, this.#options.trustDomains);
    if (mismatch !== undefined) return refuse('PERMISSION_DENIED', mismatch);
    const machine = this.#options.machines?.hold(opening, proxy);
    if (machine !== undefined && 'kind' in machine) return machine;
    const attachment = cache.attach(proxy, listener);
    const rejections = new Map<string, Rejection>();
    const credentials = this.#credentialsOf(peer, attachment.proxy, listener);
    this.#sessions.set(peer, { openedAtMs: this.#options.now(), attachment, listener, rejections });
    return {
      kind: 'opened',
      nodeId: proxy.nodeId,
      snapshot: (typeUrl) => {
        if (generatedTypes.includes(typeUrl) || typeUrl === typeUrls.nameTable) return attachment.snapshot(typeUrl);
        if (typeUrl === typeUrls.proxyConfig) return this.#options.roots();
        if (typeUrl === typeUrls.secret) return credentials?.snapshot() ?? emptyTypeSnapshot;
        return undefined;
      },
      acknowledged: (report) => {
        const rejection = this.#rejectionOf(report, attachment);
        if (rejection === undefined) return;
        rejections.set(report.typeUrl, rejection);
        const { blamed } = report;
        if (blamed !== undefined) this.#options.onRejection(attachment.proxy, { ...rejection, blamed });
      },
      reportHealth: (trouble) => machine?.report({ healthy: trouble === undefined, message: cut(trouble ?? '') }),
      close: () => {
        this.#sessions.delete(peer);
        machine?.release();
        credentials?.release();
        attachment.detach();
      },
    };
  }

  #credentialsOf(peer: Peer, proxy: Proxy, listener: SnapshotListener): HeldCredentials | undefined {
    const types = new Set([typeUrls.secret]);
    const identity = peer.authenticated ? peer.identity : undefined;
    return this.#options.credentials?.hold({ proxy, identity, onChange: () => listener(types) });
  }

  #rejectionOf(report: AckReport, attachment: Attachment): Rejection | undefined {
    if (report.error === undefined) return undefined;
    const message = cut(report.error);
    const blamed = report.blamed?.map(({ name }) => name) ?? [];
    const named = blamed.length > 0 ? blamed : report.names.filter((name) => message.includes(name));
    const resourceNames = (named.length > 0 ? named : report.names).slice(0, maxResourceNames);
    const snapshot = attachment.snapshot(report.typeUrl);
    const sources = new Set(resourceNames.flatMap((name) => lookUp(snapshot, resourceName(name))?.sources ?? []));
    return { typeUrl: report.typeUrl, message, resourceNames, sources: [...sources], atMs: this.#options.now() };
  }
}

function cut(message: string): string {
  return message.slice(0, maxMessageChars);
}

function refuse(code: Refusal['code'], message: string): Refusal {
  return { kind: 'refused', code, message };
}

// What the protocol layer serves from: a snapshot a type for each node, whatever made it. The engine implements this;
// tests drive the protocol with arbitrary named resources through it.

import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import type { EncodedResource, ResourceName } from '../cache/encoded-resource.ts';
import type { TypeSnapshot } from '../cache/type-snapshot.ts';

/** Who is on the other end of a stream, as far as the transport knows. */
export interface Peer {
  /** `ADDRESS:PORT`. */
  readonly address: string;
  /** SPIFFE id from an authenticated certificate or token; absent on the plaintext port. */
  readonly identity?: string | undefined;
  /** True on the TLS port, where the identity must match the node. */
  readonly authenticated: boolean;
}

export interface StreamOpening {
  /** From the first message of the stream; later messages may leave it out. */
  readonly node: Node;
  readonly peer: Peer;
  readonly variant: 'delta' | 'sotw';
  /** Of the first message. */
  readonly typeUrl: string;
}

/** Why a node is not served; becomes the stream's gRPC status. */
export interface Refusal {
  readonly kind: 'refused';
  readonly code:
    | 'INVALID_ARGUMENT'
    | 'PERMISSION_DENIED'
    | 'UNAUTHENTICATED'
    | 'UNAVAILABLE'
    | 'UNIMPLEMENTED'
    | 'RESOURCE_EXHAUSTED';
  readonly message: string;
}

export type SnapshotListener = (changedTypes: ReadonlySet<string>) => void;

export interface SnapshotSource {
  /** Called once a stream, with its first message. */
  open(opening: StreamOpening, listener: SnapshotListener): OpenedNode | Refusal;
}

/** One stream's access to its snapshots. */
export interface OpenedNode {
  readonly kind: 'opened';
  /** For logs and status. */
  readonly nodeId: string;
  /** The current snapshot of a type; undefined for a type that is never served (the stream answers as the protocol says). */
  snapshot(typeUrl: string): TypeSnapshot | undefined;
  /** What the client accepted or rejected, for status pages and findings. */
  acknowledged(report: AckReport): void;
  /** Takes what the client says of its workload's health. `trouble`: why it is not well; undefined when it is. */
  reportHealth?(trouble: string | undefined): void;
  /** Answers a question (`isReportType`) from what is known at this moment. Absent: questions are not answered. */
  report?(question: Question): Report | Refusal;
  /** A tool: it may ask questions and nothing else. */
  readonly reportsOnly?: boolean | undefined;
  /** The stream ended. */
  close(): void;
}

/** A request of a type that is answered once, and never pushed. */
export interface Question {
  readonly typeUrl: string;
  readonly names: readonly string[];
}

export interface Report {
  readonly kind: 'report';
  readonly resources: readonly ReportResource[];
  /** `control_plane.identifier` of the response. */
  readonly controlPlane?: string | undefined;
}

/** An Any, of whatever type, with its name in delta. */
export interface ReportResource {
  readonly name: string;
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export interface AckReport {
  readonly typeUrl: string;
  readonly nonce: string;
  /** Names in the response that this answers. */
  readonly names: readonly ResourceName[];
  /** Absent: accepted. */
  readonly error?: string | undefined;
  /**
   * What the client can't take, as far as it is known after this answer. Absent while that is being found out, and when nothing
   * was rejected; empty when it can't be found out.
   */
  readonly blamed?: readonly EncodedResource[] | undefined;
}

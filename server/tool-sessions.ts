// The way in for Istio's tools: nodes that ask about the control plane, and are no proxies, get answers and nothing else; a
// proxy gets what it gets from `proxies`, and answers too, since its agent passes on questions.

import { CaError } from '../ca/ca-error.ts';
import { parseSpiffeId } from '../ca/spiffe.ts';
import type { Node } from '../proto/generated/envoy.config.core.v3.ts';
import { answerQuestion, type AnswerOptions } from './admin/reports/answer-question.ts';
import { generatorOf } from './proxy/generator.ts';
import { identityMismatch } from './proxy/identity-mismatch.ts';
import type {
  OpenedNode,
  Peer,
  Question,
  Refusal,
  Report,
  SnapshotListener,
  SnapshotSource,
  StreamOpening,
} from './stream/snapshot-source.ts';
import { isReportType } from './stream/type-rules.ts';

export interface ToolSessionsOptions extends AnswerOptions {
  readonly proxies: SnapshotSource;
  /** Identities of other trust domains are not of this mesh. */
  readonly trustDomains: readonly string[];
}

export class ToolSessions implements SnapshotSource {
  readonly #options: ToolSessionsOptions;

  constructor(options: ToolSessionsOptions) {
    this.#options = options;
  }

  open(opening: StreamOpening, listener: SnapshotListener): OpenedNode | Refusal {
    const { node, peer, typeUrl } = opening;
    const report = (question: Question): Report | Refusal => this.#answer(question, peer);
    if (generatorOf(node) === 'event' || isReportType(typeUrl)) return this.#openTool(node, peer, report);
    const opened = this.#options.proxies.open(opening, listener);
    return opened.kind === 'opened' ? { ...opened, report } : opened;
  }

  #openTool(node: Node, peer: Peer, report: (question: Question) => Report | Refusal): OpenedNode | Refusal {
    if (!peer.authenticated) return unauthenticated;
    const claimed = { namespace: metadataOf(node, 'NAMESPACE'), serviceAccount: metadataOf(node, 'SERVICE_ACCOUNT') };
    const mismatch = identityMismatch(peer, claimed, this.#options.trustDomains);
    if (mismatch !== undefined) return { kind: 'refused', code: 'PERMISSION_DENIED', message: mismatch };
    return {
      kind: 'opened',
      nodeId: node.id ?? '',
      reportsOnly: true,
      report,
      snapshot: () => undefined,
      acknowledged: () => undefined,
      close: () => undefined,
    };
  }

  #answer(question: Question, peer: Peer): Report | Refusal {
    const identity = peer.identity === undefined ? undefined : parseSpiffeId(peer.identity);
    if (!peer.authenticated || identity === undefined || identity instanceof CaError) return unauthenticated;
    return answerQuestion(question, identity, this.#options);
  }
}

const unauthenticated: Refusal = Object.freeze({
  kind: 'refused',
  code: 'UNAUTHENTICATED',
  message: 'Questions about the control plane need a certificate or token of the mesh: ask on the TLS port.',
});

function metadataOf(node: Node, key: string): string {
  return node.metadata?.fields?.[key]?.stringValue ?? '';
}

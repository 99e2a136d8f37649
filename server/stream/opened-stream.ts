// A stream whose node is known. In: requests of any number of types, and what changes for the node. Out: responses, at most one
// of a type unanswered at a time. A change only marks types as unsent: a slow reader holds one response for each type, however
// much changes.

import type { DeltaAnswer } from '../../proto/read-delta-answer.ts';
import { resourceName, type ResourceName } from '../cache/encoded-resource.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { Convergence } from './convergence.ts';
import { ReportDelivery } from './report-delivery.ts';
import { ResponseFlow } from './response-flow.ts';
import { ResponseWriter } from './response-writer.ts';
import type { OpenedNode, Refusal } from './snapshot-source.ts';
import type { StreamContext } from './stream-context.ts';
import type { StreamEnd } from './stream-end.ts';
import type { StreamRequest } from './stream-request.ts';
import type { StreamSink } from './stream-sink.ts';
import type { SubscribedNames } from './subscribed-names.ts';
import { SubscribedTypes } from './subscribed-types.ts';
import { Subscription } from './subscription.ts';
import { TypeDelivery } from './type-delivery.ts';
import { isKnownType, isReportType, routeConfigurationOf, ruleOf, typeUrls } from './type-rules.ts';

export interface OpenedStreamOptions {
  readonly id: string;
  readonly variant: 'delta' | 'sotw';
  /** Of a service for one type; absent on the aggregated service. */
  readonly typeUrl?: string | undefined;
  readonly node: OpenedNode;
  readonly sink: StreamSink;
  readonly context: StreamContext;
  /** Ends the stream. */
  readonly end: (end: StreamEnd) => void;
}

export class OpenedStream {
  readonly node: OpenedNode;
  readonly types = new SubscribedTypes();
  readonly #options: OpenedStreamOptions;
  readonly #acknowledgements: Acknowledgements;
  readonly #convergence: Convergence;
  readonly #writer: ResponseWriter;
  readonly #flow: ResponseFlow;
  #reports: ReportDelivery | undefined;

  constructor(options: OpenedStreamOptions) {
    const { id, variant, node, sink, context, end } = options;
    this.node = node;
    this.#options = options;
    this.#acknowledgements = new Acknowledgements(options);
    this.#convergence = new Convergence(context.metrics);
    this.#writer = new ResponseWriter({ id, variant, sink, context, end, onLanded: () => this.#flow.flush() });
    const [types, writer, convergence] = [this.types, this.#writer, this.#convergence];
    this.#flow = new ResponseFlow({ node, context, types, writer, convergence });
  }

  /** Returns why the stream is to end. `typeUrl`: that of the request, or of its service. */
  receive(typeUrl: string, request: StreamRequest): Refusal | undefined {
    const { limits, metrics } = this.#options.context;
    metrics.requested(typeUrl);
    if (isReportType(typeUrl)) return this.#report(typeUrl, request);
    if (typeUrl === typeUrls.healthInformation) this.node.reportHealth?.(request.error);
    if (this.node.reportsOnly === true) {
      return refused('INVALID_ARGUMENT', `a tool is served istio.io/debug types, not ${typeUrl}`);
    }
    const known = this.types.get(typeUrl);
    if (known === undefined && this.types.size >= limits.maxTypes) {
      return refused('RESOURCE_EXHAUSTED', `more than ${limits.maxTypes} types on one stream`);
    }
    const type = known ?? this.#begin(typeUrl);
    if (
      this.#acknowledgements.take(type, request.nonce, request.error) &&
      (known === undefined || request.changesNames)
    ) {
      const refusal = this.#subscribe(type, request);
      if (refusal !== undefined) return refusal;
    }
    this.#flow.flush();
    return undefined;
  }

  /** An answer to a response of the delta variant, and nothing else. False when it is of a type that was not begun. */
  receiveAnswer(answer: DeltaAnswer): boolean {
    const type = this.types.answered(answer) ?? this.types.get(answer.typeUrl);
    if (type === undefined) return false;
    // A type that was begun is one that this stream may have, of a node that is known.
    this.#options.context.metrics.requested(type.typeUrl);
    this.#acknowledgements.take(type, answer.responseNonce, undefined);
    this.#flow.flush();
    return true;
  }

  /** The node's snapshots of these types are others. */
  changed(typesChanged: ReadonlySet<string>): void {
    for (const typeUrl of typesChanged) {
      const type = this.types.get(typeUrl);
      if (type === undefined) continue;
      this.types.owe(type);
      this.#convergence.changed();
    }
    this.#flow.flush();
  }

  /** The stream is over. Nothing is sent after this. */
  close(): void {
    this.#writer.close();
    this.#flow.close();
    this.types.clear();
    this.node.close();
  }

  #report(typeUrl: string, request: StreamRequest): Refusal | undefined {
    const { variant } = this.#options;
    const nextNonce = (): string => this.#writer.nextNonce();
    const reports = (this.#reports ??= new ReportDelivery({ variant, opened: this.node, nextNonce }));
    const answer = reports.answer(typeUrl, request);
    if (answer?.kind === 'refused') return answer;
    if (answer !== undefined) this.#writer.handOver(reports, [answer.bytes], performance.now());
    return undefined;
  }

  #begin(requestedType: string): TypeDelivery {
    const { variant, context } = this.#options;
    const rule = ruleOf(requestedType);
    const { typeUrl } = rule;
    const followsRoutes =
      variant === 'delta' && typeUrl === typeUrls.virtualHost && this.#options.typeUrl === undefined;
    const routes = (): SubscribedNames | undefined => this.types.get(typeUrls.route)?.subscription.subscribed;
    const subscription = new Subscription({
      rule,
      variant,
      names: context.names,
      answers: context.answers,
      ...(followsRoutes ? { parent: routes } : {}),
    });
    const type = new TypeDelivery(subscription);
    this.types.add(type);
    if (!rule.silent && !isKnownType(typeUrl) && this.node.snapshot(typeUrl) === undefined) this.#unknown(typeUrl);
    return type;
  }

  #unknown(typeUrl: string): void {
    const { metrics, connections, log } = this.#options.context;
    metrics.unknownType(typeUrl);
    if (connections.firstSeen(typeUrl)) {
      log.warn({ typeUrl, nodeId: this.node.nodeId }, 'a client asks for a type that is not served');
    }
  }

  /** Refused when it asks for too much. */
  #subscribe(type: TypeDelivery, request: StreamRequest): Refusal | undefined {
    const { maxNames } = this.#options.context.limits;
    const asked = request.nameCount > maxNames ? [] : request.apply(type.subscription);
    if (request.nameCount > maxNames || type.subscription.subscribed.names.size > maxNames) {
      return refused('RESOURCE_EXHAUSTED', `more than ${maxNames} names of one type`);
    }
    this.types.owe(type);
    if (type.typeUrl === typeUrls.route) this.#resendVirtualHosts(asked);
    return undefined;
  }

  /**
   * Which virtual hosts are wanted follows from the route configurations. A client that asks for one has none of its
   * virtual hosts, or forgot them.
   */
  #resendVirtualHosts(routes: readonly ResourceName[]): void {
    const virtualHosts = this.types.get(typeUrls.virtualHost);
    if (virtualHosts === undefined) return;
    const asked = new Set(routes);
    virtualHosts.subscription.resend((name) => asked.has(resourceName(routeConfigurationOf(name))));
    this.types.owe(virtualHosts);
  }
}

function refused(code: Refusal['code'], message: string): Refusal {
  return { kind: 'refused', code, message };
}

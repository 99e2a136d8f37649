// Answers to questions on one stream: each once, one at a time, nothing pushed later. In: requests of report types. Out: the
// bytes of an answer, or why the stream ends.

import {
  encodeAny,
  encodeDeltaResponse,
  encodeDiscoveryResponse,
  encodeResource,
  frame,
  resourcesField,
} from '../../proto/splice.ts';
import type { OpenedNode, Refusal, Report } from './snapshot-source.ts';
import type { StreamRequest } from './stream-request.ts';

export interface ReportDeliveryOptions {
  readonly variant: 'delta' | 'sotw';
  readonly opened: OpenedNode;
  /** A new one at each call, unique on the stream. */
  readonly nextNonce: () => string;
}

export interface ReportBytes {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
  readonly resources: number;
}

export class ReportDelivery {
  readonly #options: ReportDeliveryOptions;
  /** Of the last answer, with what it answered. */
  #sent = { nonce: '', question: '' };
  #unread = false;

  constructor(options: ReportDeliveryOptions) {
    this.#options = options;
  }

  /** Undefined: the request is a receipt, or the node gets no answers. */
  answer(typeUrl: string, request: StreamRequest): ReportBytes | Refusal | undefined {
    const { variant, opened, nextNonce } = this.#options;
    if (opened.report === undefined || this.#isReceipt(typeUrl, request)) return undefined;
    if (this.#unread) {
      return { kind: 'refused', code: 'RESOURCE_EXHAUSTED', message: 'read the last answer before the next question' };
    }
    const report = opened.report({ typeUrl, names: request.names });
    if (report.kind === 'refused') return report;
    const nonce = nextNonce();
    this.#sent = { nonce, question: questionOf(typeUrl, request) };
    this.#unread = true;
    return {
      kind: 'bytes',
      bytes: encodeReport(report, { variant, typeUrl, nonce }),
      resources: report.resources.length,
    };
  }

  /** The transport took the last answer, for which nothing waits. */
  flushed(): false {
    this.#unread = false;
    return false;
  }

  #isReceipt(typeUrl: string, request: StreamRequest): boolean {
    if (request.error !== undefined) return true;
    if (this.#sent.nonce === '' || request.nonce !== this.#sent.nonce) return false;
    return this.#options.variant === 'delta'
      ? !request.changesNames
      : questionOf(typeUrl, request) === this.#sent.question;
  }
}

function questionOf(typeUrl: string, { names }: StreamRequest): string {
  return JSON.stringify([typeUrl, ...names]);
}

function encodeReport(
  { resources, controlPlane }: Report,
  { variant, typeUrl, nonce }: { readonly variant: 'delta' | 'sotw'; readonly typeUrl: string; readonly nonce: string },
): Uint8Array {
  const identifier = controlPlane === undefined ? {} : { controlPlane: { identifier: controlPlane } };
  const anys = resources.map(({ name, typeUrl: type, value }) => ({ name, any: encodeAny(type, value) }));
  if (variant === 'sotw') {
    const resourceFrames = anys.map(({ any }) => frame(resourcesField, any));
    return encodeDiscoveryResponse({ typeUrl, nonce, resourceFrames, ...identifier });
  }
  const resourceFrames = anys.map(({ name, any }) => frame(resourcesField, encodeResource({ name, version: '', any })));
  return encodeDeltaResponse({ typeUrl, nonce, resourceFrames, removedResources: [], ...identifier });
}

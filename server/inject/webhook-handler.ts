// The webhooks over HTTP, `/inject` and `/validate`: reads a bounded body, asks, answers. In: a request. Out: an AdmissionReview, or a plain sentence with 4xx for
// what is none. Nothing that comes in here ends the process.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Log } from '../log.ts';
import { admissionReviewOf, readAdmissionReview, type AdmissionQuestion } from './admission-review.ts';
import { answerInjection, answerTooEarly, answerUnknownRevision, type AnsweredAdmission } from './answer-admission.ts';
import type { DeclaredProxyConfigs } from './declared-proxy-config.ts';
import { InjectError } from './inject-error.ts';
import { podName } from './inject-pod.ts';
import type { InjectionMetrics, InjectionOutcome } from './injection-metrics.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { scalarAt } from './json-value.ts';
import { callerOfPath } from './webhook-path.ts';

export interface WebhookOptions {
  /** In force now; undefined until they are known. */
  readonly settings: () => InjectionSettings | undefined;
  /** Objects of kind ProxyConfig, as they are now; undefined until they are known. */
  readonly declared: () => DeclaredProxyConfigs | undefined;
  readonly metrics: InjectionMetrics;
  /** Absent: objects of the mesh are not validated. */
  readonly validation?: ValidationDesk | undefined;
  readonly log: Log;
}

export interface ValidationDesk {
  readonly answer: Answer;
  readonly metrics: AdmissionMetrics;
}

export interface AdmissionMetrics {
  requested(): void;
  ended(outcome: InjectionOutcome): void;
}

/** An API server takes objects of at most 3 MiB; a review has the object, and what it replaces. */
const maxBodyBytes = 8 * 1024 * 1024;
/** Followed by the revisions that are known. */
const unknownRevisionPath = '/unknown-revision/';

export type Answer = (question: AdmissionQuestion) => AnsweredAdmission;

const validationPath = '/validate';

export function webhookHandler(options: WebhookOptions): RequestListener {
  return (request, response) => {
    serve(options, request, response).catch((error: unknown) => {
      options.log.error({ error }, 'a webhook request failed');
      if (response.headersSent) response.destroy();
      else say(response, 500, 'The webhook failed; its log has the reason.');
    });
  };
}

async function serve(options: WebhookOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { log, validation } = options;
  const path = new URL(request.url ?? '/', 'https://webhook').pathname;
  const isValidation = validation !== undefined && path === validationPath;
  const metrics: AdmissionMetrics = isValidation ? validation.metrics : options.metrics;
  const answer = isValidation ? validation.answer : answerFor(path, options);
  if (answer === undefined)
    return say(response, 404, `Nothing is at ${path}: the webhook is /inject, and /validate for objects of the mesh.`);
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST');
    return say(response, 405, `${request.method ?? ''} is not offered: an API server posts here.`);
  }
  metrics.requested();
  const refuse = (status: number, sentence: string): void => {
    metrics.ended('failure');
    log.warn({ path, reason: sentence }, 'a webhook request was refused');
    say(response, status, sentence);
  };
  if (answer instanceof InjectError) return refuse(400, answer.message);
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json(;|$)/i.test(type)) return refuse(415, `The content type "${type}" is not application/json.`);
  const body = await bodyOf(request);
  if (body === undefined) {
    response.setHeader('Connection', 'close');
    return refuse(413, `The body has more than ${String(maxBodyBytes)} bytes.`);
  }
  const question = readAdmissionReview(body);
  if (question instanceof InjectError) return refuse(400, question.message);
  const answered = answer(question);
  metrics.ended(answered.outcome);
  const noun = isValidation ? (scalarAt(question.object, 'kind') ?? 'object') : 'pod';
  const fields = { [noun]: podName(question.object, question.namespace), reason: answered.reason };
  if (answered.outcome === 'failure') log.warn(fields, `a ${noun} was refused`);
  else log.debug({ ...fields, outcome: answered.outcome }, `a ${noun} was looked at`);
  const text = JSON.stringify(admissionReviewOf(question, answered.answer));
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
}

function answerFor(path: string, options: WebhookOptions): Answer | InjectError | undefined {
  if (path.startsWith(unknownRevisionPath)) {
    const known = path.slice(unknownRevisionPath.length).split('/');
    return (question) => answerUnknownRevision(question, known);
  }
  const caller = callerOfPath(path);
  if (caller === undefined || caller instanceof InjectError) return caller;
  return (question) => {
    const settings = options.settings();
    const declared = options.declared();
    if (settings === undefined || declared === undefined) return answerTooEarly();
    return answerInjection(question, { settings, declared, caller });
  };
}

/** Undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > maxBodyBytes) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}

function say(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${sentence}\n`);
}

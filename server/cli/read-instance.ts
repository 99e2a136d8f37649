// Asks a running instance for the commands that show it: one request, one JSON document, or one sentence that says what is
// wrong and what to do.

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { InputError } from './input-file.ts';

export type OutputFormat = 'table' | 'json';

/** Options that every reading command has. */
export interface ReadingOptions {
  /** `HOST:PORT` or a URL. */
  readonly http: string;
  readonly output: OutputFormat;
}

/** Exit code 1: the instance answered that there is no such thing. 2: wrong use, or no instance to ask. */
export class ReadError extends Error {
  override readonly name = 'ReadError';
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

const timeoutMs = 10_000;

/** A question that is too long for a URL: it is sent by POST. */
export interface InstanceQuestion {
  readonly contentType: string;
  readonly body: string;
  readonly timeoutMs: number;
}

/** A command with `--http` and `-o`. */
export function readingCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option('--http <address>', "the instance's HTTP port").default('127.0.0.1:8080').env('ISTHMUS_HTTP'))
    .addOption(new Option('-o, --output <format>', 'json for programs').choices(['table', 'json']).default('table'));
}

/**
 * The document at `path` (which starts with `/` and carries its query). Its shape is what the instance's version
 * documents; fields are only ever added.
 * @throws ReadError
 */
export async function readInstance<T>(http: string, path: string, question?: InstanceQuestion): Promise<T> {
  const url = instanceUrl(http, path);
  const { status, text } = await ask(url, question);
  if (status < 200 || status > 299) throw refusal(url, status, text);
  try {
    // oxlint-disable-next-line typescript/no-unsafe-return -- the instance's own API
    return JSON.parse(text);
  } catch (cause) {
    throw new ReadError(2, `${url.host} answered something that is not JSON; is --http an Isthmus instance?`, {
      cause,
    });
  }
}

/** Runs a command's body: prints what it returns, or its failure on stderr, and sets the exit code. */
export async function runReading(body: () => Promise<ReadingResult>): Promise<void> {
  try {
    const { text, exitCode } = await body();
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    process.exitCode = exitCode;
  } catch (error) {
    if (!(error instanceof ReadError) && !(error instanceof InputError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof ReadError ? error.exitCode : 2;
  }
}

export interface ReadingResult {
  readonly text: string;
  /** 1: the answer is negative, e.g. not found, not reachable. */
  readonly exitCode: 0 | 1 | 2;
}

/** A document for programs. */
export function asJson(document: unknown): string {
  return JSON.stringify(document, undefined, 2);
}

function instanceUrl(http: string, path: string): URL {
  const base = /^https?:\/\//.test(http) ? http : `http://${http}`;
  try {
    return new URL(path, base);
  } catch (cause) {
    throw new ReadError(2, `--http ${http} is not an address; write HOST:PORT, e.g. 127.0.0.1:8080.`, { cause });
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

// Not `fetch`: it refuses ports that browsers keep for other protocols, such as 6000 or 10080.
async function ask(url: URL, question: InstanceQuestion | undefined): Promise<Answer> {
  const patienceMs = question?.timeoutMs ?? timeoutMs;
  try {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = { agent: false, signal: AbortSignal.timeout(patienceMs) } as const;
    const headers = {
      'content-type': question?.contentType ?? '',
      'content-length': Buffer.byteLength(question?.body ?? ''),
    };
    const sent = request(url, question === undefined ? options : { ...options, method: 'POST', headers });
    sent.end(question?.body);
    const [response]: IncomingMessage[] = await once(sent, 'response');
    if (response === undefined) throw new Error('no response');
    return { status: response.statusCode ?? 0, text: await text(response) };
  } catch (cause) {
    throw new ReadError(2, `No instance answers at ${url.host} (${reasonOf(cause, patienceMs)}). ${remedy}`, { cause });
  }
}

const remedy =
  'Start one with `isthmus serve`, or name its HTTP port with --http HOST:PORT or ISTHMUS_HTTP ' +
  '(in a cluster: `kubectl -n istio-system port-forward deploy/istiod 8080`).';

function reasonOf(error: unknown, patienceMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError') return `no answer in ${String(patienceMs / 1000)} s`;
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0], patienceMs);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

function refusal(url: URL, status: number, text: string): ReadError {
  const message = errorIn(text) ?? `${url.host} answered ${url.pathname} with HTTP status ${String(status)}.`;
  return new ReadError(status === 404 ? 1 : 2, message);
}

function errorIn(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string')
      return body.error;
  } catch {
    // Not JSON: the status alone is shown.
  }
  return undefined;
}

// How the agent of a machine finds out whether its workload is ready: the `probe` of a WorkloadGroup, as JSON. In: text. Out: a checked
// probe with the defaults of Kubernetes, or an AgentError `invalid-options` that says what is wrong.

import { AgentError } from '../agent-error.ts';

export type ReadinessProbe = {
  readonly way: ProbeWay;
  readonly initialDelayMs: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  /** In a row, before it counts as ready again. */
  readonly successThreshold: number;
  /** In a row, before it counts as not ready. */
  readonly failureThreshold: number;
};

export type ProbeWay =
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'exec'; readonly command: readonly [string, ...string[]] }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string };

type Fields = Readonly<Record<string, unknown>>;

const option = '--readiness-probe';
const localhost = '127.0.0.1';

export function parseReadinessProbe(text: string): ReadinessProbe {
  let probe: unknown;
  try {
    probe = JSON.parse(text);
  } catch {
    // Told below, with what would be right.
  }
  if (!isFields(probe)) throw invalid('it is not JSON like {"httpGet": {"path": "/ready", "port": 8080}}');
  const seconds = (name: string, otherwise: number): number => 1000 * count(probe, name, otherwise);
  return {
    way: wayOf(probe),
    initialDelayMs: seconds('initialDelaySeconds', 0),
    timeoutMs: seconds('timeoutSeconds', 1),
    periodMs: seconds('periodSeconds', 10),
    successThreshold: count(probe, 'successThreshold', 1),
    failureThreshold: count(probe, 'failureThreshold', 3),
  };
}

function wayOf(probe: Fields): ProbeWay {
  const { httpGet, tcpSocket, exec, grpc } = probe;
  const given = [httpGet, tcpSocket, exec, grpc].filter((way) => way !== undefined);
  if (given.length !== 1)
    throw invalid(`it has ${given.length} of httpGet, tcpSocket, exec and grpc: give exactly one`);
  if (isFields(httpGet)) {
    const path = textOf(httpGet, 'path', '/');
    const scheme = textOf(httpGet, 'scheme', 'HTTP').toLowerCase();
    if (scheme !== 'http' && scheme !== 'https') throw invalid('httpGet.scheme is neither HTTP nor HTTPS');
    return {
      kind: 'http',
      scheme,
      host: textOf(httpGet, 'host', localhost),
      port: portOf(httpGet),
      path: path.startsWith('/') ? path : `/${path}`,
      headers: headersOf(httpGet['httpHeaders']),
    };
  }
  if (isFields(tcpSocket)) return { kind: 'tcp', host: textOf(tcpSocket, 'host', localhost), port: portOf(tcpSocket) };
  if (isFields(grpc)) return { kind: 'grpc', port: portOf(grpc), service: textOf(grpc, 'service', '') };
  if (isFields(exec)) return { kind: 'exec', command: commandOf(exec['command']) };
  throw invalid('httpGet, tcpSocket, exec and grpc hold fields');
}

function commandOf(value: unknown): readonly [string, ...string[]] {
  const words: readonly unknown[] = Array.isArray(value) ? value : [];
  const texts = words.filter((word) => typeof word === 'string');
  const [program, ...rest] = texts;
  if (program === undefined || texts.length !== words.length) throw invalid('exec.command is a list of texts');
  return [program, ...rest];
}

function headersOf(value: unknown): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const header of Array.isArray(value) ? value : []) {
    if (!isFields(header) || typeof header['name'] !== 'string') throw invalid('each of httpHeaders has a name');
    headers[header['name']] = textOf(header, 'value', '');
  }
  return headers;
}

function portOf({ port }: Fields): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw invalid('its port is not a number from 1 to 65535');
}

/** 0 stands for the default, as Kubernetes reads it. */
function count(fields: Fields, name: string, otherwise: number): number {
  const value = fields[name] ?? 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 2 ** 31 - 1) {
    throw invalid(`${name} is not a whole number from 0`);
  }
  return value === 0 ? otherwise : value;
}

function textOf(fields: Fields, name: string, otherwise: string): string {
  const value = fields[name] ?? '';
  if (typeof value !== 'string') throw invalid(`${name} is not text`);
  return value === '' ? otherwise : value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): AgentError {
  return new AgentError('invalid-options', `${option}: ${message}`);
}

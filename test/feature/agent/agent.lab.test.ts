// The whole agent as a program, with a real authority and a real Envoy: what Envoy is given, and what becomes of it.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort, startAuthorityServer } from '../../support/authority-server.ts';
import type { AuthorityServer } from '../../support/authority-server.ts';
import { envoyPathFor } from '../../support/envoy.ts';
import { startProcess } from '../../support/process.ts';
import type { RunningProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

let directory: string;
let server: AuthorityServer;
let adminPort: number;
const started: RunningProcess[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-agent-test-'));
  chmodSync(directory, 0o755);
  server = await startAuthorityServer();
  adminPort = await freePort();
  writeFileSync(join(directory, 'root.pem'), server.rootsPem);
  writeFileSync(join(directory, 'token'), 'sleep-token');
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => child.stop({ graceMs: 5000 })));
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

test('Envoy starts with the certificate, gets every renewed one without a restart, and ends with the agent', async () => {
  const agent = await startAgent({ '--certificate-ttl': '6s' });
  const first = await certificateOf((found) => found !== undefined);
  expect(first?.uri).toBe('spiffe://cluster.local/ns/sample/sa/sleep');
  const second = await certificateOf((found) => found !== undefined && found.serial !== first?.serial);
  expect(second?.uri).toBe(first?.uri);
  expect(agent.output.match(/"msg":"Envoy started"/g)).toHaveLength(1);

  const workDirectory = /-c (\S+)\/envoy\.json/.exec(commandLineOf(envoyPid(agent)))?.[1] ?? '';
  expect(existsSync(workDirectory)).toBe(true);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  expect(agent.output).toContain('Envoy drains');
  expect(commandLineOf(envoyPid(agent))).toBe('');
  expect(existsSync(workDirectory)).toBe(false);
});

test('an Envoy that dies is started again, and the agent lives on', async () => {
  const agent = await startAgent();
  await certificateOf((found) => found !== undefined);
  const before = envoyPid(agent);
  process.kill(before, 'SIGKILL');
  await agent.waitForLine('Envoy died and is started again');
  const after = await waitFor(
    () => envoyPid(agent),
    (pid) => pid !== before,
    { what: 'another Envoy' },
  );

  expect(await certificateOf((found) => found !== undefined)).toBeDefined();
  expect(commandLineOf(after)).toContain('--disable-hot-restart');
});

test('Envoy is started only when there is a certificate, however long the authority refuses', async () => {
  server.refusal = { code: 'PERMISSION_DENIED', message: 'not today' };
  const agent = await startAgent();
  await agent.waitForLine('"failures":2');
  expect(agent.output).toContain('PERMISSION_DENIED: not today');
  expect(agent.output).not.toContain('Envoy started');

  server.refusal = undefined;
  await agent.waitForLine('Envoy started');
});

test('a second signal ends everything at once', async () => {
  const agent = await startAgent({ '--drain': '60s' });
  await certificateOf((found) => found !== undefined);
  agent.kill('SIGTERM');
  await agent.waitForLine('Envoy drains');
  expect(await agent.stop({ graceMs: 5000 })).toEqual({ code: 130, signal: null });
  expect(commandLineOf(envoyPid(agent))).toBe('');
});

test('without Envoy it serves secrets until it is stopped', async () => {
  const socket = join(directory, 'sds.sock');
  const agent = await startAgent({ '--no-envoy': undefined, '--sds-socket': socket, '--work-dir': directory });
  await agent.waitForLine('certificate received');
  expect(existsSync(socket)).toBe(true);
  expect(JSON.parse(readFileSync(join(directory, 'envoy.json'), 'utf8'))).toMatchObject({
    node: { id: 'sidecar~10.1.0.5~sleep-1.sample~sample.svc.cluster.local' },
  });
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  expect(existsSync(socket)).toBe(false);
});

test.each<[string, Record<string, string>, number, string]>([
  ['a wrong option', { '--ads': 'rest' }, 2, '--ads: \\"rest\\" is none of delta, sotw'],
  ['no root certificate', { '--root-cert': '/no/such/file' }, 3, "the root certificate can't be read"],
  ['a socket that can not be', { '--sds-socket': '/proc/sds.sock' }, 4, "secrets can't be served on /proc/sds.sock"],
  ['no Envoy', { '--envoy': '/no/such/envoy' }, 5, "Envoy can't be started"],
])('%s ends it with its own exit code and a sentence', async (_what, change, code, sentence) => {
  const agent = await startAgent(change);
  expect(await agent.exited).toEqual({ code, signal: null });
  expect(agent.output).toContain(sentence);
});

/** With options added or replaced; an option without a value is a flag. */
async function startAgent(change: Readonly<Record<string, string | undefined>> = {}): Promise<RunningProcess> {
  const options: Record<string, string | undefined> = {
    '--discovery-address': server.address,
    '--root-cert': join(directory, 'root.pem'),
    '--token': join(directory, 'token'),
    '--cluster-id': 'cluster-1',
    '--namespace': 'sample',
    '--service-account': 'sleep',
    '--pod-name': 'sleep-1',
    '--pod-ip': '10.1.0.5',
    '--admin-port': String(adminPort),
    '--health-port': '0',
    '--prometheus-port': '0',
    '--drain': '1s',
    ...('--no-envoy' in change
      ? {}
      : { '--envoy': await envoyPathFor(process.getuid?.() === 0 ? 1337 : 0, directory) }),
    ...change,
  };
  const argv = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [name] : [name, value]));
  const child = startProcess([process.execPath, resolve(import.meta.dirname, 'run-agent.ts'), ...argv], {
    name: 'agent',
  });
  started.push(child);
  return child;
}

type ShownCertificate = { readonly uri: string | undefined; readonly serial: string };
type CertificatesPage = {
  readonly certificates: readonly {
    readonly cert_chain: readonly {
      readonly serial_number: string;
      readonly subject_alt_names: readonly { readonly uri?: string }[];
    }[];
  }[];
};

/** The workload certificate as Envoy's admin interface shows it, once `holds`. */
function certificateOf(holds: (found: ShownCertificate | undefined) => boolean): Promise<ShownCertificate | undefined> {
  return waitFor(shownCertificate, holds, { what: 'a certificate in Envoy', timeoutMs: 20_000 });
}

function envoyPid(agent: RunningProcess): number {
  const [last] = [...agent.output.matchAll(/"envoyPid":(\d+),"msg":"Envoy started"/g)].slice(-1);
  return Number(last?.[1]);
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

async function shownCertificate(): Promise<ShownCertificate | undefined> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/certs`);
  const page = (await response.json()) as CertificatesPage;
  const leaf = page.certificates[0]?.cert_chain[0];
  return leaf && { uri: leaf.subject_alt_names[0]?.uri, serial: leaf.serial_number };
}

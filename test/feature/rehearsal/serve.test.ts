// A whole instance that has rehearsed: nothing that a user looks at tells of it, but one line for those who debug.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { serviceManifest } from '../../support/kube-objects.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

let registry: string;
let state: string;
let instance: ServeProcess;
const lines = (): readonly string[] => instance.process.output.split('\n');
/** Anything that names what is made up. */
const madeUp = /rehears|198\.1[89]\./;

beforeAll(async () => {
  registry = await mkdtemp(path.join(tmpdir(), 'isthmus-registry-'));
  state = await mkdtemp(path.join(tmpdir(), 'isthmus-state-'));
  await writeFile(path.join(registry, 'one.yaml'), stringify(serviceManifest('one')));
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network1', '--registry', registry, '--state-dir', state];
  instance = await startServe({ argv: [...argv, '--log-level', 'debug'], monitoring: true });
  await waitFor(
    () => instance.process.output,
    (output) => output.includes('"rehearsed"'),
    { what: 'the rehearsal to end' },
  );
});

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  await rm(registry, { recursive: true });
  await rm(state, { recursive: true });
});

it('rehearses after it serves, and says so in one line', () => {
  const told = lines().flatMap((line, index) => (madeUp.test(line) ? [{ line, index }] : []));
  expect(told).toHaveLength(1);
  expect(JSON.parse(told[0]?.line ?? '')).toMatchObject({ level: 20, msg: 'rehearsed' });
  const serving = lines().findIndex((line) => line.includes('"serving"'));
  expect(serving).toBeGreaterThanOrEqual(0);
  expect(told[0]?.index).toBeGreaterThan(serving);
});

it('counts nothing of it', async () => {
  const metrics = await (await fetch(`http://${instance.monitoring}/metrics`)).text();
  expect(metrics).not.toMatch(madeUp);
  const ofProxies = /^(?:pilot_xds|pilot_proxy|isthmus_xds|isthmus_streams|isthmus_resources_encoded)/;
  const counted = metrics.split('\n').filter((line) => ofProxies.test(line) && !line.endsWith(' 0'));
  expect(counted).toEqual([]);
  expect(metrics).toContain('pilot_services 1\n');
});

it.each(['clusters', 'problems', 'proxies', 'services', 'networks', 'instance'])(
  'shows nothing of it in /api/v1/%s',
  async (page) => {
    expect(JSON.stringify(await instance.json(`/api/v1/${page}`))).not.toMatch(madeUp);
  },
);

it.each(['syncz', 'registryz', 'endpointz', 'configz', 'adsz'])('shows nothing of it in /debug/%s', async (page) => {
  const answer = await fetch(`http://${instance.http}/debug/${page}`);
  expect(answer.status).toBe(200);
  expect(await answer.text()).not.toMatch(madeUp);
});

it('has no proxies', async () => {
  expect(await instance.json('/api/v1/proxies')).toEqual([]);
});

it('keeps nothing of it', async () => {
  const names = await readdir(state, { recursive: true });
  expect(names.join('\n')).not.toMatch(madeUp);
});

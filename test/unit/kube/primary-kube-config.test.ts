// Only the primary can be written to: the types leave no other way to a client, and nothing that discovers knows of it.

import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import type { RemoteConfig } from '../../../server/config.ts';
import { PrimaryClient } from '../../../server/kube/primary-client.ts';
import { PrimaryKubeConfig } from '../../../server/kube/primary-kube-config.ts';

const root = resolve(import.meta.dirname, '../../..');

it('a primary that is a directory has no client', () => {
  const primary = { kind: 'directory', path: 'cluster' } as const;
  expect(PrimaryKubeConfig.of({ primary, systemNamespace: 'istio-system' })).toBeUndefined();
});

it('a primary behind a kubeconfig, or around this pod, has one', () => {
  const systemNamespace = 'istio-system';
  const file = PrimaryKubeConfig.of({ primary: { kind: 'kubeconfig', path: 'a.conf' }, systemNamespace });
  expect(file?.credentials).toEqual({ kind: 'file', path: 'a.conf' });
  const pod = PrimaryKubeConfig.of({ primary: { kind: 'in-cluster' }, systemNamespace });
  expect(pod?.credentials).toEqual({ kind: 'in-cluster' });
});

it('a remote is refused by the types', () => {
  const remote: RemoteConfig = { clusterId: clusterId('cluster-2'), location: { kind: 'kubeconfig', path: 'a.conf' } };
  const attempts = [
    // @ts-expect-error a remote is not a primary
    () => PrimaryKubeConfig.of(remote),
    // @ts-expect-error a location is not the right to write
    () => new PrimaryClient({ config: remote.location, clock: systemClock }),
    // @ts-expect-error it can't be made otherwise
    () => new PrimaryKubeConfig(remote.location, 'istio-system'),
    // @ts-expect-error nor imitated
    () => new PrimaryClient({ config: { credentials: remote.location, systemNamespace: '' }, clock: systemClock }),
  ];
  expect(attempts).toHaveLength(4);
});

it('one place makes the client, and discovery sends nothing but GET', () => {
  const read = (pattern: string): (readonly [string, string])[] =>
    globSync(pattern, { cwd: root }).map((file) => [file, readFileSync(resolve(root, file), 'utf8')] as const);
  const makers = read('{server,discovery,ca,agent}/**/*.ts').filter(([, text]) => /new PrimaryClient\(/.test(text));
  expect(makers.map(([file]) => file)).toEqual(['server/open-primary.ts']);
  const methods = read('discovery/source/**/*.ts').flatMap(([, text]) => [...text.matchAll(/method: '(\w+)'/g)]);
  expect(methods.map(([, method]) => method)).toEqual(['GET']);
});

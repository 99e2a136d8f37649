// The table by which a pod gets a proxy or none.

import { describe, expect, it } from 'vitest';
import { decideInjection, type InjectionPolicy } from '../../../server/inject/decide-injection.ts';
import { selectingWebhook, webhookSelectors } from '../../../server/inject/webhook-selectors.ts';
import { podOf, type PodParts } from '../../support/injection.ts';

type Labels = Readonly<Record<string, string>>;
const inject = 'sidecar.istio.io/inject';

describe('an API server brings to the webhook', () => {
  it.each<[string, string, Labels, Labels, string | undefined]>([
    ['an enabled namespace', 'default', { 'istio-injection': 'enabled' }, {}, 'namespace'],
    [
      'an enabled namespace, whatever its revision',
      'default',
      { 'istio-injection': 'enabled', 'istio.io/rev': 'x' },
      {},
      'namespace',
    ],
    ['not a pod that refuses', 'default', { 'istio-injection': 'enabled' }, { [inject]: 'false' }, undefined],
    ['not a disabled namespace', 'default', { 'istio-injection': 'disabled' }, { [inject]: 'true' }, undefined],
    ['a pod that asks', 'default', {}, { [inject]: 'true' }, 'object'],
    ['not a silent one', 'default', {}, {}, undefined],
    ['a namespace of the revision', 'canary', { 'istio.io/rev': 'canary' }, {}, 'rev.namespace'],
    ['a pod of the revision', 'canary', {}, { 'istio.io/rev': 'canary' }, 'rev.object'],
    ['not one of another revision', 'canary', { 'istio.io/rev': 'default' }, { 'istio.io/rev': 'canary' }, undefined],
    ['not an enabled namespace, for another revision', 'canary', { 'istio-injection': 'enabled' }, {}, undefined],
    [
      'not a revision in an enabled namespace',
      'canary',
      { 'istio-injection': 'enabled', 'istio.io/rev': 'canary' },
      {},
      undefined,
    ],
    [
      'a pod that asks and names another revision: not',
      'default',
      {},
      { [inject]: 'true', 'istio.io/rev': 'canary' },
      undefined,
    ],
  ])('%s', (_title, revision, namespaceLabels, podLabels, expected) => {
    const name = selectingWebhook(webhookSelectors({ revision }), namespaceLabels, podLabels);
    expect(name?.replace('.sidecar-injector.istio.io', '')).toBe(expected);
  });

  it('silent namespaces too when every namespace is meant, but not those of Kubernetes', () => {
    const webhooks = webhookSelectors({ revision: 'default', everyNamespace: true });
    const named = (name: string): Labels => ({ 'kubernetes.io/metadata.name': name });
    expect(selectingWebhook(webhooks, named('sample'), {})).toBe('auto.sidecar-injector.istio.io');
    expect(selectingWebhook(webhooks, named('kube-system'), {})).toBeUndefined();
  });
});

const enabled: InjectionPolicy = { policy: 'enabled', neverInject: [], alwaysInject: [] };
const disabled: InjectionPolicy = { ...enabled, policy: 'disabled' };
const selecting = [{ matchLabels: { app: 'web' } }];

describe('a pod that was brought', () => {
  const decided = (parts: PodParts, policy: InjectionPolicy = enabled, namespace = 'sample'): boolean =>
    decideInjection(podOf(parts), namespace, policy).inject;

  it('goes by the policy when it says nothing', () => {
    expect(decided({})).toBe(true);
    expect(decided({}, disabled)).toBe(false);
  });

  it.each(['y', 'yes', 'true', 'on', 'TRUE'])('takes "%s" for a yes, as YAML did', (word) => {
    expect(decided({ annotations: { [inject]: word } }, disabled)).toBe(true);
  });

  it.each(['n', 'false', 'off', 'maybe'])('takes "%s" for a no', (word) => {
    expect(decided({ annotations: { [inject]: word } })).toBe(false);
  });

  it('means its label when the annotation says otherwise', () => {
    expect(decided({ labels: { [inject]: 'true' }, annotations: { [inject]: 'false' } }, disabled)).toBe(true);
    expect(decided({ labels: { [inject]: 'false' }, annotations: { [inject]: 'true' } })).toBe(false);
  });

  it('goes by selectors before the policy, by its own word before selectors, and by never before always', () => {
    expect(decided({}, { ...enabled, neverInject: selecting })).toBe(false);
    expect(decided({}, { ...disabled, alwaysInject: selecting })).toBe(true);
    expect(decided({}, { ...disabled, alwaysInject: selecting, neverInject: selecting })).toBe(false);
    expect(decided({ labels: { [inject]: 'true' } }, { ...enabled, neverInject: selecting })).toBe(true);
    expect(decided({}, { ...disabled, alwaysInject: [{}] })).toBe(false);
  });

  it('has no proxy in the network of its host, nor in the namespaces of Kubernetes', () => {
    expect(decided({ labels: { [inject]: 'true' }, spec: { hostNetwork: true } })).toBe(false);
    expect(decided({ labels: { [inject]: 'true' } }, enabled, 'kube-system')).toBe(false);
  });

  it('is not taken for injected because of a mark alone', () => {
    const annotations = { 'sidecar.istio.io/status': '{}' };
    expect(decided({ annotations })).toBe(true);
    expect(decided({ annotations, spec: { initContainers: [{ name: 'istio-proxy' }] } })).toBe(false);
  });
});

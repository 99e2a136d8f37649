// Manifests to manifests with proxies. In: text of YAML documents, and what a webhook would know of the cluster. Out: the same documents:
// those without pods byte for byte, those with pods changed where the proxy goes, with their comments.

import { text as textOfStream } from 'node:stream/consumers';
import { parseAllDocuments, type Document } from 'yaml';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { ProxyConfigPolicy } from '../../discovery/model/policies/proxy-config.ts';
import { convertProxyConfig } from '../../discovery/policy/proxy-config.ts';
import type { DeclaredProxyConfigs } from '../inject/declared-proxy-config.ts';
import { InjectError } from '../inject/inject-error.ts';
import { injectPod } from '../inject/inject-pod.ts';
import type { InjectionSettings } from '../inject/injection-settings.ts';
import { mappingsAt, scalarAt, textsAt, type Mapping } from '../inject/json-value.ts';
import { jsonPatch } from '../inject/json-patch.ts';
import { podPlace, type PodPlace } from '../inject/pod-place.ts';
import { selectingWebhook, webhookSelectors } from '../inject/webhook-selectors.ts';
import { defaultClusterId, offlineSettings, type OfflineOptions } from './offline-settings.ts';
import { readInputFile } from './input-file.ts';
import { patchDocument } from './patch-document.ts';

export interface InjectManifestsOptions extends OfflineOptions {
  readonly namespace: string;
  /** `KEY=VALUE,…`; left out: every pod is brought to the webhook. */
  readonly namespaceLabels?: string | undefined;
}

export interface InjectedManifests {
  readonly text: string;
  /** Sentences for whoever runs the command. */
  readonly remarks: readonly string[];
}

/** @throws InjectError for a text or a pod that is wrong; of several documents none is given out then */
export async function injectManifests(text: string, options: InjectManifestsOptions): Promise<InjectedManifests> {
  const settings = await offlineSettings(options);
  const remarks: string[] = [];
  const parsed = parseAllDocuments(text);
  const documents = 'empty' in parsed ? [] : parsed;
  const declared = { policies: proxyConfigsIn(documents, options), rootNamespace: settings.systemNamespace };
  const context = { settings, declared, remarks, options, namespaceLabels: labelsOf(options.namespaceLabels) };
  const starts = [0, ...documents.map((document) => endOf(document, text))];
  const parts = documents.map((document, index) => {
    const [error] = document.errors;
    if (error !== undefined) {
      throw new InjectError(
        'invalid-pod',
        `Document ${String(index + 1)} is not YAML: ${error.message.split('\n')[0] ?? ''}`,
      );
    }
    return injectDocument(document, context)
      ? document.toString({ lineWidth: 0 })
      : sourceOf(text, document, starts[index] ?? 0);
  });
  if (options.clusterId === undefined && settings.clusterId === defaultClusterId) {
    remarks.push(`no --cluster-id was given: the pods say that they are of cluster ${defaultClusterId}.`);
  }
  return { text: joined(parts), remarks };
}

/** `-` is the standard input. */
export async function readInput(path: string): Promise<string> {
  return path === '-' ? await textOfStream(process.stdin) : await readInputFile('-f', path);
}

interface Context {
  readonly settings: InjectionSettings;
  readonly declared: DeclaredProxyConfigs;
  readonly remarks: string[];
  readonly options: InjectManifestsOptions;
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
}

/** What the same text declares of proxies. @throws InjectError for one that is wrong */
function proxyConfigsIn(documents: readonly Document[], { namespace }: InjectManifestsOptions): ProxyConfigPolicy[] {
  return documents
    .filter(({ errors }) => errors.length === 0)
    .flatMap((document) => objectsOf(document.toJS(), []))
    .filter(({ object }) => scalarAt(object, 'kind') === 'ProxyConfig')
    .map(({ object }) => {
      const metadata = {
        name: scalarAt(object, 'metadata', 'name') ?? '',
        namespace: scalarAt(object, 'metadata', 'namespace') ?? namespace,
        labels: {},
        annotations: {},
        createdAtMs: 0,
      };
      const apiVersion = scalarAt(object, 'apiVersion') ?? '';
      const origin = { place: 'the manifests' };
      const { value, problems } = convertProxyConfig({
        apiVersion,
        kind: 'ProxyConfig',
        metadata,
        body: { spec: object['spec'] },
        origin,
      });
      if (value !== undefined) return value;
      const reasons = problems.map(({ field, message }) => `${field ?? 'spec'}: ${message}`);
      throw new InjectError('invalid-pod', `ProxyConfig ${metadata.namespace}/${metadata.name}: ${reasons.join(' ')}`);
    });
}

/** Whether something was changed. */
function injectDocument(document: Document, context: Context): boolean {
  const value: unknown = document.toJS();
  let isChanged = false;
  for (const { object, path } of objectsOf(value, [])) {
    const place = podPlace(object);
    if (place === undefined) continue;
    const pod = injectedPod(object, place, context);
    if (pod === undefined) continue;
    patchDocument(document, [...path, ...place.path], jsonPatch(place.template, pod));
    isChanged = true;
  }
  return isChanged;
}

/** A List holds objects; all else is one. */
function objectsOf(
  value: unknown,
  path: readonly (string | number)[],
): readonly { readonly object: Mapping; readonly path: readonly (string | number)[] }[] {
  if (!isMapping(value)) return [];
  if (scalarAt(value, 'kind') !== 'List') return [{ object: value, path }];
  return mappingsAt(value, 'items').flatMap((item, index) => objectsOf(item, [...path, 'items', index]));
}

/** The template with its proxy, as it was written otherwise; undefined when it stays. */
function injectedPod(object: Mapping, place: PodPlace, context: Context): Mapping | undefined {
  const { settings, declared, options, namespaceLabels, remarks } = context;
  const namespace = scalarAt(object, 'metadata', 'namespace') ?? options.namespace;
  const name = `${scalarAt(object, 'kind') ?? ''} ${namespace}/${scalarAt(object, 'metadata', 'name') ?? ''}`;
  const labels = textsAt(place.template, 'metadata', 'labels');
  if (namespaceLabels !== undefined) {
    const webhooks = webhookSelectors({ revision: settings.revision });
    if (selectingWebhook(webhooks, namespaceLabels, labels) === undefined) {
      remarks.push(
        `${name} is left alone: the labels of its namespace and its own choose no proxy of revision ${settings.revision}.`,
      );
      return undefined;
    }
  }
  const result = injectPod({ pod: place.pod, namespace, settings, declared });
  if (result instanceof InjectError)
    throw new InjectError(result.code, `${name}: ${result.message}`, { cause: result });
  if (result.kind === 'left-alone') {
    remarks.push(`${name} is left alone: ${result.reason}.`);
    return undefined;
  }
  remarks.push(...result.remarks.map((remark) => `${name}: ${remark}`));
  return place.restore(result.pod);
}

function labelsOf(text: string | undefined): Readonly<Record<string, string>> | undefined {
  if (text === undefined) return undefined;
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const cut = pair.indexOf('=');
      if (cut < 1) throw new InjectError('invalid-settings', `--namespace-labels: "${pair}" is not KEY=VALUE.`);
      return [pair.slice(0, cut), pair.slice(cut + 1)];
    }),
  );
}

/** The document as it stands in the text, with its comments, without what separates it from the one before, which ends at `start`. */
function sourceOf(text: string, document: Document, start: number): string {
  const source = text.slice(start, endOf(document, text)).replace(/^---[^\S\n]*\n?/, '');
  return source.endsWith('\n') || source === '' ? source : `${source}\n`;
}

function endOf({ range }: Document, text: string): number {
  return range?.[2] ?? text.length;
}

function joined(parts: readonly string[]): string {
  return parts.map((part, index) => (index === 0 ? part : `---\n${part.replace(/^---\n/, '')}`)).join('');
}

// The settings of `isthmus inject`: what an instance and its ConfigMaps would say, from options and files.

import { stringify } from 'yaml';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import { InjectError } from '../inject/inject-error.ts';
import type { InjectionSettings } from '../inject/injection-settings.ts';
import { settingsOfTexts } from '../inject/injection-state.ts';
import { mappingAt, scalarAt, type Mapping } from '../inject/json-value.ts';
import { meshTextOf } from '../inject/mesh-text.ts';
import { parseYaml } from '../inject/parse-yaml.ts';
import { readInputFile } from './input-file.ts';

export interface OfflineOptions {
  readonly revision: string;
  /** Left out: what the values say, else `defaultClusterId`. */
  readonly clusterId?: string | undefined;
  readonly network: string;
  readonly systemNamespace: string;
  readonly trustDomain: string;
  readonly meshConfig?: string | undefined;
  readonly injectConfig?: string | undefined;
  readonly values?: string | undefined;
  readonly image?: string | undefined;
  readonly dataPlane?: string | undefined;
  readonly interception?: string | undefined;
  readonly kubernetesVersion: string;
}

/** Istio's word for a cluster that was given no name. */
export const defaultClusterId = 'Kubernetes';

/** @throws InjectError `invalid-settings` */
export async function offlineSettings(options: OfflineOptions): Promise<InjectionSettings> {
  const { revision, clusterId = defaultClusterId, network, systemNamespace, trustDomain } = options;
  const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(options.kubernetesVersion) ?? [];
  if (minor === '') {
    throw new InjectError(
      'invalid-settings',
      `--kubernetes-version ${options.kubernetesVersion} is not a version such as 1.33.`,
    );
  }
  const canBeNative = Number(major) > 1 || Number(minor) >= 29;
  const injector = options.injectConfig === undefined ? {} : await readMapping('--inject-config', options.injectConfig);
  const map = isMapping(injector['data']) ? injector['data'] : injector;
  const isConfigMap = isMapping(injector['data']);
  const given = options.values === undefined ? undefined : await readMapping('--values', options.values);
  const settings = settingsOfTexts(
    { revision, clusterId, network, systemNamespace, trustDomain, domain: 'cluster.local', canBeNative },
    {
      config: isConfigMap ? scalarAt(map, 'config') : stringify(map),
      values: stringify(withOptions(given ?? valuesOf(scalarAt(map, 'values')), options)),
      mesh:
        options.meshConfig === undefined
          ? undefined
          : meshTextOf(await readInputFile('--mesh-config', options.meshConfig)),
    },
  );
  if (settings instanceof InjectError) throw settings;
  return settings;
}

function withOptions(values: Mapping, { image, dataPlane, interception }: OfflineOptions): Mapping {
  const own: Record<string, unknown> = { ...mappingAt(values, 'isthmus') };
  const global: Record<string, unknown> = { ...mappingAt(values, 'global') };
  if (dataPlane !== undefined) own['dataPlane'] = dataPlane;
  if (interception !== undefined) own['interception'] = interception;
  if (image !== undefined && own['dataPlane'] === 'isthmus') own['image'] = image;
  else if (image !== undefined) {
    global['proxy'] = { ...mappingAt(global, 'proxy'), image };
    global['proxy_init'] = { ...mappingAt(global, 'proxy_init'), image };
  }
  return { ...values, isthmus: own, global };
}

function valuesOf(text: string | undefined): Mapping {
  const parsed = parseYaml(text ?? '');
  return 'value' in parsed && isMapping(parsed.value) ? parsed.value : {};
}

async function readMapping(option: string, path: string): Promise<Mapping> {
  const parsed = parseYaml(await readInputFile(option, path));
  if ('value' in parsed && isMapping(parsed.value)) return parsed.value;
  const reason = 'wrong' in parsed ? parsed.wrong : 'it is not a mapping';
  throw new InjectError('invalid-settings', `${option} ${path} can't be read: ${reason}.`);
}

// The settings in force. In: what ConfigMaps say, each time that it changes. Out: the last settings that could be obeyed; what could not
// is told once, with its reason, and changes nothing.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { InjectError } from './inject-error.ts';
import type { InjectionSettings, InstanceFacts } from './injection-settings.ts';
import type { Mapping } from './json-value.ts';
import { parseYaml } from './parse-yaml.ts';
import { readInjectionSettings } from './read-injection-settings.ts';

/** YAML or JSON, as the ConfigMaps have it; undefined where there is none. */
export interface InjectionTexts {
  readonly config?: string | undefined;
  readonly values?: string | undefined;
  readonly mesh?: string | undefined;
}

export class InjectionState {
  #settings: InjectionSettings;
  #complaint: string | undefined;
  readonly #instance: InstanceFacts;
  readonly #onComplaint: (reason: string | undefined) => void;

  /** Begins with the defaults. `onComplaint` is told why what was given is not obeyed, and undefined when it is again. */
  constructor(instance: InstanceFacts, onComplaint: (reason: string | undefined) => void) {
    this.#instance = instance;
    this.#onComplaint = onComplaint;
    const defaults = readInjectionSettings({ instance, config: {}, values: {}, mesh: {} });
    if (defaults instanceof InjectError) throw defaults;
    this.#settings = defaults;
  }

  get settings(): InjectionSettings {
    return this.#settings;
  }

  take(texts: InjectionTexts): void {
    const settings = settingsOfTexts(this.#instance, texts);
    const complaint = settings instanceof InjectError ? settings.message : undefined;
    if (!(settings instanceof InjectError)) this.#settings = settings;
    if (complaint !== this.#complaint) this.#onComplaint(complaint);
    this.#complaint = complaint;
  }
}

/** Errors: `invalid-settings`, which says whether it is the configuration, the values or the mesh configuration. */
export function settingsOfTexts(instance: InstanceFacts, texts: InjectionTexts): InjectionSettings | InjectError {
  const config = mappingOf('config', texts.config);
  if (config instanceof InjectError) return config;
  const values = mappingOf('values', texts.values);
  if (values instanceof InjectError) return values;
  const mesh = mappingOf('mesh', texts.mesh);
  if (mesh instanceof InjectError) return mesh;
  return readInjectionSettings({ instance, config, values, mesh });
}

function mappingOf(name: string, text: string | undefined): Mapping | InjectError {
  if (text === undefined || text.trim() === '') return {};
  const parsed = parseYaml(text);
  if ('wrong' in parsed) return new InjectError('invalid-settings', `"${name}" is not YAML: ${parsed.wrong}`);
  if (parsed.value === null) return {};
  return isMapping(parsed.value) ? parsed.value : new InjectError('invalid-settings', `"${name}" is not a mapping.`);
}

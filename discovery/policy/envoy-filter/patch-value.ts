// `value` of a patch: a part of Envoy's configuration as proto3 JSON. In: what is written, and which message it is. Out: the message, or
// findings that name the field of it that is wrong.

import { extensionNamed } from '../../../proto/extensions.ts';
import { fromJson, type JsonMistake, type PlainMessage } from '../../../proto/from-json.ts';
import { findBrokenRule } from '../../../proto/value-rules.ts';
import type { FieldReader } from '../../convert/field-reader.ts';

export interface PatchValueOptions {
  /** Full name of the message. */
  readonly message: string;
  /** It is used as it is, so that nothing that Envoy wants may be missing. Otherwise it is merged into another. */
  readonly whole: boolean;
}

/** Mistakes beyond these are not told: the first are those that matter. */
const maxMistakes = 10;

/** Undefined when there is none, or after a finding. */
export function readPatchValue(patch: FieldReader, options: PatchValueOptions): PlainMessage | undefined {
  const given = patch.raw('value');
  const field = patch.at('value');
  if (given === undefined) {
    patch.missing('value');
    return undefined;
  }
  const type = extensionNamed(options.message);
  const { value, mistakes } = fromJson(type, given);
  for (const mistake of mistakes.slice(0, maxMistakes)) report(patch, field, mistake);
  if (mistakes.some(({ lenient }) => !lenient)) return undefined;
  if (!options.whole) return value;
  const broken = findBrokenRule(type, value);
  if (broken === undefined) return value;
  const at = joined(field, broken.path);
  patch.findings.error('invalid-value', at, `${at} ${broken.message}, and Envoy would refuse it: correct it`);
  return undefined;
}

function report({ findings }: FieldReader, field: string, mistake: JsonMistake): void {
  const at = joined(field, mistake.path);
  if (mistake.lenient && mistake.code.startsWith('unknown-')) {
    findings.warn(mistake.code, at, `${at} ${mistake.message}, and Envoy may not know it either: correct its spelling`);
  } else findings.error(mistake.code, at, `${at} ${mistake.message}: ${remedyOf(mistake)}`);
}

const remedies: Readonly<Record<JsonMistake['code'], string>> = {
  'unknown-field': 'remove it or correct its spelling, or use TypedStruct for a field that is newer than this version',
  'unknown-type': 'correct it, or use TypedStruct for a type that is newer than this version',
  'missing-field': 'add it',
  'conflicting-fields': 'keep one of them',
  'invalid-type': 'correct it',
};

function remedyOf({ code, path }: JsonMistake): string {
  const isOld = code === 'unknown-field' && /(^|\.)config$/.test(path);
  return isOld ? 'write typed_config with an @type' : remedies[code];
}

function joined(field: string, path: string): string {
  return path === '' || path.startsWith('[') ? `${field}${path}` : `${field}.${path}`;
}

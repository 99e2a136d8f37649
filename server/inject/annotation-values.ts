// What an annotation may say. Each check takes the text and gives undefined, or what is wrong and what to write instead.

import { isIP } from 'node:net';
import { isMapping } from '../../discovery/convert/field-reader.ts';

export type AnnotationCheck = (text: string) => string | undefined;

export const anyText: AnnotationCheck = () => undefined;

export const boolean: AnnotationCheck = (text) => (isBooleanText(text) ? undefined : 'is neither "true" nor "false"');

/** As Go reads them, which Istio does. */
export function isBooleanText(text: string): boolean {
  return /^(1|0|t|f|T|F|true|false|TRUE|FALSE|True|False)$/.test(text);
}

/** False for what is no boolean. */
export function isTrueText(text: string | undefined): boolean {
  return text !== undefined && /^(1|t|T|true|TRUE|True)$/.test(text);
}

export function oneOf(...words: readonly string[]): AnnotationCheck {
  return (text) => (words.includes(text) ? undefined : `is none of ${words.join(', ')}`);
}

export const port: AnnotationCheck = (text) =>
  isPort(text) ? undefined : 'is not a port: write a number from 0 to 65535';

export const count: AnnotationCheck = (text) =>
  /^\d{1,9}$/.test(text) ? undefined : 'is not a whole number of 0 or more';

export const ports: AnnotationCheck = (text) => {
  const wrong = listOf(text).find((each) => !isPort(each));
  return wrong === undefined
    ? undefined
    : `has "${wrong}", which is not a port: write numbers with commas between them`;
};

export const portsOrAll: AnnotationCheck = (text) => (text === '*' ? undefined : ports(text));

export const ranges: AnnotationCheck = (text) => {
  const wrong = listOf(text).find((each) => !isRange(each));
  if (wrong === undefined) return undefined;
  return `has "${wrong}", which is not an address range: write CIDR blocks such as 10.0.0.0/8 with commas between them`;
};

export const rangesOrAll: AnnotationCheck = (text) => (text === '*' ? undefined : ranges(text));

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export const quantity: AnnotationCheck = (text) =>
  /^\+?(\d+(\.\d*)?|\.\d+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?$/.test(text)
    ? undefined
    : 'is not a quantity: write for example 100m, 0.5, 128Mi or 1Gi';

/** What stands before a colon or a slash follows no rule that is worth checking; blanks and capital hosts never work. */
export const image: AnnotationCheck = (text) =>
  /^[\w][\w.:@/-]*$/.test(text)
    ? undefined
    : 'is not the name of an image: write for example registry/istio/proxyv2:1.27';

export const names: AnnotationCheck = (text) => {
  const wrong = listOf(text).find((each) => !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(each));
  return wrong === undefined ? undefined : `has "${wrong}", which is not a name: write names with commas between them`;
};

/** Names of interfaces are what the kernel takes. */
export const interfaces: AnnotationCheck = (text) => {
  const wrong = listOf(text).find((each) => !/^[\w.@-]{1,15}$/.test(each));
  return wrong === undefined ? undefined : `has "${wrong}", which is not the name of a network interface`;
};

const logLevels = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off', 'none'];

export const logLevel: AnnotationCheck = oneOf(...logLevels);

export const componentLogLevels: AnnotationCheck = (text) => {
  const wrong = listOf(text).find((each) => !/^[\w.*/-]+:[a-z]+$/.test(each));
  return wrong === undefined ? undefined : `has "${wrong}": write COMPONENT:LEVEL with commas between them`;
};

/** A JSON object of objects, by the name of a volume. */
export const volumesByName: AnnotationCheck = (text) => {
  const value = parseJson(text);
  const isGood = isMapping(value) && Object.values(value).every((each) => isMapping(each));
  return isGood ? undefined : 'is not JSON of the form {"VOLUME":{…}}';
};

/** Undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined; // The caller says what it should have been.
  }
}

/** Parts between commas, without blanks around them; an empty text has none. */
export function listOf(text: string): readonly string[] {
  return text.trim() === '' ? [] : text.split(',').map((part) => part.trim());
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text.trim()) && Number(text) <= 65_535;
}

function isRange(text: string): boolean {
  const [, address = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

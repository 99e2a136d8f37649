// What the readers of proto3 JSON share: mistakes, plain values, and paths in what is read.

/** `unknown-field`: the message has no such field. `unknown-type`: an `@type` that nobody knows. */
export type JsonMistakeCode =
  'unknown-field' | 'unknown-type' | 'invalid-type' | 'conflicting-fields' | 'missing-field';

export interface JsonMistake {
  readonly code: JsonMistakeCode;
  /** `typed_config.http_filters[0].name` below the value; empty for the value itself. */
  readonly path: string;
  /** What is wrong, without the path and a remedy. */
  readonly message: string;
  /** In a struct that Envoy reads by itself and more leniently. */
  readonly lenient: boolean;
}

/** A message as a plain object. An Any has, beside its bytes, what was read as `plain`: a default that is written is seen there. */
export type PlainMessage = Readonly<Record<string, unknown>>;

/** What is being read. */
export interface JsonReading {
  readonly mistakes: JsonMistake[];
  readonly lenient: boolean;
  /** Reads what is one level below; a mistake where that is too deep. */
  below<T>(path: string, read: () => T | undefined): T | undefined;
  mistake(code: JsonMistakeCode, path: string, message: string): undefined;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `a.b`, `a["@type"]` */
export function childPath(parent: string, name: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${parent}[${JSON.stringify(name)}]`;
  return parent === '' ? name : `${parent}.${name}`;
}

// Reads the fields of one mapping of an object, checking each, and knows which were read, so that a field that nobody reads
// is never ignored silently. In: an unread value and its path. Out: typed values; what is wrong goes to the findings.

import type { Findings } from './findings.ts';

/** True for a mapping (not a list, not null). */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `spec.ports`, `metadata.labels["a.b/c"]`: the JSON path of a field below another. */
export function childPath(parent: string, name: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${parent}[${JSON.stringify(name)}]`;
  return parent === '' ? name : `${parent}.${name}`;
}

export class FieldReader {
  readonly path: string;
  readonly findings: Findings;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  constructor(fields: Readonly<Record<string, unknown>>, path: string, findings: Findings) {
    this.#fields = fields;
    this.path = path;
    this.findings = findings;
  }

  at(name: string): string {
    return childPath(this.path, name);
  }

  /** The value as it stands; absent and null are both undefined, as Kubernetes reads them. */
  raw(name: string): unknown {
    this.#known.add(name);
    return this.#fields[name] ?? undefined;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  keys(): string[] {
    return Object.keys(this.#fields);
  }

  string(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === 'string') return value;
    this.#wrongType(name, value, 'text', typeof value === 'object' ? '' : ' (put it in quotes)');
    return undefined;
  }

  /** A string that must be there and not be empty; an empty string after the error was reported. */
  requiredString(name: string): string {
    const value = this.string(name);
    if (value === undefined || value === '') {
      if (!this.has(name) || value === '') this.missing(name);
      return '';
    }
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === 'boolean') return value;
    this.#wrongType(name, value, 'true or false');
    return undefined;
  }

  integer(name: string, min: number, max: number, code = 'out-of-range'): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.findings.error(code, this.at(name), `${show(value)} is not a whole number from ${min} to ${max}: correct it`);
    return undefined;
  }

  port(name: string): number | undefined {
    return this.integer(name, 1, 65_535, 'invalid-port');
  }

  object(name: string): FieldReader | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (isMapping(value)) return new FieldReader(value, this.at(name), this.findings);
    this.#wrongType(name, value, 'a mapping');
    return undefined;
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.#wrongType(name, value, 'a list');
    return [];
  }

  objects(name: string): FieldReader[] {
    const readers: FieldReader[] = [];
    for (const [index, value] of this.list(name).entries()) {
      const path = `${this.at(name)}[${index}]`;
      if (isMapping(value)) readers.push(new FieldReader(value, path, this.findings));
      else this.findings.error('invalid-type', path, `${show(value)} is not a mapping: write fields there`);
    }
    return readers;
  }

  strings(name: string): string[] {
    const texts: string[] = [];
    for (const [index, value] of this.list(name).entries()) {
      if (typeof value === 'string') texts.push(value);
      else
        this.findings.error(
          'invalid-type',
          `${this.at(name)}[${index}]`,
          `${show(value)} is not text: put it in quotes`,
        );
    }
    return texts;
  }

  stringMap(name: string): Readonly<Record<string, string>> {
    const texts: Record<string, string> = {};
    const reader = this.object(name);
    for (const key of reader?.keys() ?? []) texts[key] = reader?.string(key) ?? '';
    return texts;
  }

  missing(name: string): void {
    this.findings.error('missing-field', this.at(name), `${this.at(name)} is missing: add it`);
  }

  /** Fields that change nothing here and are known to. */
  ignore(...names: string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** Fields of the API that are not implemented: they refuse the object, because what they ask for would not happen. */
  refuse(...names: string[]): void {
    for (const name of names) {
      if (!this.has(name)) continue;
      const path = this.at(name);
      this.findings.error('unsupported-field', path, `${path} is not supported yet: remove the field`);
    }
  }

  /** Fields of the API that are not implemented and whose absence only costs information. */
  disregard(...names: string[]): void {
    for (const name of names) {
      if (!this.has(name)) continue;
      const path = this.at(name);
      this.findings.warn(
        'unsupported-field',
        path,
        `${path} is not supported yet and has no effect; the rest is taken`,
      );
    }
  }

  /** Reports every field that was not asked for above. */
  end(): void {
    for (const name of this.keys()) {
      if (this.#known.has(name) || this.raw(name) === undefined) continue;
      const path = this.at(name);
      this.findings.error('unknown-field', path, `${path} is no field of this kind: remove it or correct its spelling`);
    }
  }

  /** As `end`, where a field more costs nothing but what it asks for. */
  warnRest(): void {
    for (const name of this.keys()) {
      if (this.#known.has(name) || this.raw(name) === undefined) continue;
      const path = this.at(name);
      this.findings.warn('unsupported-field', path, `${path} is not supported yet, or misspelled, and has no effect`);
    }
  }

  #wrongType(name: string, value: unknown, wanted: string, hint = ''): void {
    this.findings.error('invalid-type', this.at(name), `${show(value)} is not ${wanted}${hint}: correct it`);
  }
}

/** A value for a message, short. Lists and mappings are named, not printed. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value === null ? 'null' : 'a mapping';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

// YAML of a person, read as JSON is. Out: the value, or what is wrong with the text.

import { parseDocument } from 'yaml';

export type ParsedYaml = { readonly value: unknown } | { readonly wrong: string };

/** One document. */
export function parseYaml(text: string): ParsedYaml {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) return { wrong: firstLine(error.message) };
  try {
    const value: unknown = document.toJS();
    return { value };
  } catch (thrown) {
    // Aliases that multiply, or name nothing.
    return { wrong: firstLine(thrown instanceof Error ? thrown.message : String(thrown)) };
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

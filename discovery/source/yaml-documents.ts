// A text of YAML (or JSON) documents → their values, each with the line it starts at and a way to ask for the line of a field.
// Documents that did not change since the last reading are not parsed again.

import { isMap, isNode, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml';

export interface YamlDocument {
  readonly value: unknown;
  /** 1-based line of its first content. */
  readonly line: number;
  /** 1-based line of a field such as `spec.ports[0].port`, or of the nearest parent that exists. Parses again when asked. */
  readonly lineOf: (field: string) => number | undefined;
}

export interface YamlError {
  readonly line: number;
  /** The parser's words, without the text it was parsing: that may be a credential. */
  readonly message: string;
}

/** One stretch of text between `---` lines, parsed. Lines are relative to the stretch, from 0. */
interface ParsedChunk {
  readonly documents: readonly { readonly value: unknown; readonly line: number }[];
  readonly errors: readonly YamlError[];
}

export type ChunkCache = ReadonlyMap<string, ParsedChunk>;

export interface YamlText {
  readonly documents: readonly YamlDocument[];
  readonly errors: readonly YamlError[];
  /** To be passed in at the next reading of the same file. */
  readonly cache: ChunkCache;
}

const options = { version: '1.2', merge: true, uniqueKeys: true, prettyErrors: false, stringKeys: true } as const;

export function readYamlDocuments(text: string, before: ChunkCache = new Map()): YamlText {
  const documents: YamlDocument[] = [];
  const errors: YamlError[] = [];
  const cache = new Map<string, ParsedChunk>();
  for (const { chunk, firstLine } of splitDocuments(text)) {
    const parsed = cache.get(chunk) ?? before.get(chunk) ?? parseChunk(chunk);
    cache.set(chunk, parsed);
    for (const error of parsed.errors) errors.push({ line: error.line + firstLine, message: error.message });
    for (const [index, { value, line }] of parsed.documents.entries()) {
      const lineOf = (field: string): number | undefined => {
        const within = fieldLine(chunk, index, field);
        return within === undefined ? undefined : within + firstLine;
      };
      documents.push({ value, line: line + firstLine, lineOf });
    }
  }
  return { documents, errors, cache };
}

/** A line that starts with `---` always begins a document, so text can be cut there without parsing it. */
function splitDocuments(text: string): { chunk: string; firstLine: number }[] {
  const chunks: { chunk: string; firstLine: number }[] = [];
  let lines: string[] = [];
  let firstLine = 1;
  let hasContent = false;
  const all = text.split('\n');
  for (const [index, line] of all.entries()) {
    if (/^---(\s|$)/.test(line) && hasContent) {
      chunks.push({ chunk: lines.join('\n'), firstLine });
      lines = [];
      firstLine = index + 1;
      hasContent = false;
    }
    // Directives and comments before a marker belong to the document behind it.
    if (!/^(\s*(#.*)?|%.*)$/.test(line)) hasContent = true;
    lines.push(line);
  }
  if (hasContent) chunks.push({ chunk: lines.join('\n'), firstLine });
  return chunks;
}

function parseChunk(chunk: string): ParsedChunk {
  const counter = new LineCounter();
  try {
    return documentsOf(chunk, counter).reduce<ParsedChunk>(
      (parsed, document) => readDocument(parsed, document, counter),
      {
        documents: [],
        errors: [],
      },
    );
  } catch (error) {
    // The parser goes down with the nesting of the text and may run out of stack.
    return { documents: [], errors: [{ line: 0, message: describe(error) }] };
  }
}

function readDocument(parsed: ParsedChunk, document: Document.Parsed, counter: LineCounter): ParsedChunk {
  const { documents, errors } = parsed;
  const line = document.contents?.range ? counter.linePos(document.contents.range[0]).line - 1 : 0;
  if (document.errors.length > 0) {
    const found = document.errors.map((error) => ({
      line: counter.linePos(error.pos[0]).line - 1,
      message: firstSentence(error.message),
    }));
    return { documents, errors: [...errors, ...found] };
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    // An anchor that holds itself makes a value without end; it shows here rather than at a reader.
    JSON.stringify(value);
    return value === null || value === undefined ? parsed : { documents: [...documents, { value, line }], errors };
  } catch (error) {
    return { documents, errors: [...errors, { line, message: describe(error) }] };
  }
}

function describe(error: unknown): string {
  if (error instanceof RangeError) return 'it is nested too deeply';
  return firstSentence(error instanceof Error ? error.message : String(error));
}

function documentsOf(chunk: string, lineCounter: LineCounter): readonly Document.Parsed[] {
  const parsed = parseAllDocuments(chunk, { ...options, lineCounter });
  return Array.isArray(parsed) ? parsed : [];
}

function firstSentence(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/[.:]+$/, '');
}

function fieldLine(chunk: string, index: number, field: string): number | undefined {
  const counter = new LineCounter();
  let node: unknown = documentsOf(chunk, counter)[index]?.contents;
  let offset: number | undefined;
  for (const step of pathSteps(field)) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isNode(item.key) && String(item.key.toJSON()) === step);
      if (pair === undefined) break;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isNode(node) && node.range) offset = node.range[0];
    } else break;
  }
  return offset === undefined ? undefined : counter.linePos(offset).line - 1;
}

/** `metadata.labels["a.b/c"]` → `metadata`, `labels`, `a.b/c`; `ports[0]` → `ports`, `0`. */
function pathSteps(field: string): string[] {
  return [...field.matchAll(/\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) =>
    quoted === undefined ? (index ?? name ?? '') : String(JSON.parse(quoted)),
  );
}

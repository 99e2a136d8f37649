// Whether Envoy can run a CEL expression: what it can't run would have a whole listener refused. Its build has the attributes of
// requests and connections and the standard functions, but no loops and no conversion to text.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes

import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import { show, type FieldReader } from '../convert/field-reader.ts';
import { unknownAttributes } from './cel-attributes.ts';
import { checkRegex } from './regex.ts';

/** How many arguments each takes, as `f(x)` and as `x.f()`. */
const functions: Readonly<Record<string, { readonly plain?: number; readonly ofValue?: readonly number[] }>> = {
  has: { plain: 1 },
  size: { plain: 1, ofValue: [0] },
  int: { plain: 1 },
  uint: { plain: 1 },
  double: { plain: 1 },
  bool: { plain: 1 },
  bytes: { plain: 1 },
  type: { plain: 1 },
  duration: { plain: 1 },
  timestamp: { plain: 1 },
  dyn: { plain: 1 },
  startsWith: { plain: 2, ofValue: [1] },
  endsWith: { plain: 2, ofValue: [1] },
  contains: { plain: 2, ofValue: [1] },
  matches: { plain: 2, ofValue: [1] },
  getFullYear: { ofValue: [0, 1] },
  getMonth: { ofValue: [0, 1] },
  getDayOfYear: { ofValue: [0, 1] },
  getDayOfMonth: { ofValue: [0, 1] },
  getDate: { ofValue: [0, 1] },
  getDayOfWeek: { ofValue: [0, 1] },
  getHours: { ofValue: [0, 1] },
  getMinutes: { ofValue: [0, 1] },
  getSeconds: { ofValue: [0, 1] },
  getMilliseconds: { ofValue: [0, 1] },
};

/** How deep Envoy's parser goes into an expression, less one: beyond that it refuses the whole listener. */
const maxDepth = 31;

/** The field's text, which has to be there; undefined after a report. */
export function readCelExpression(reader: FieldReader, name: string): string | undefined {
  const text = reader.requiredString(name);
  if (text === '') return undefined;
  const field = reader.at(name);
  const reason = wrongExpression(text, field, reader);
  if (reason === undefined) return text;
  if (reason !== '') refuse(text, field, reason, reader);
  return undefined;
}

/**
 * The field's text as Envoy's command operator `%CEL(…)%`; undefined after a report. Envoy writes whatever the result is as text, so a
 * conversion around the whole, as Istio's documentation has it, is left out.
 */
export function readCelOperator(reader: FieldReader, name: string): string | undefined {
  const given = reader.requiredString(name);
  if (given === '') return undefined;
  const field = reader.at(name);
  const text = withoutConversion(given);
  // Where Envoy looks for the end of a command operator.
  const reason = /[\n\r]|\)(:\d+)?%/.test(text)
    ? 'it has a line break or ")%" in it, which can\'t be passed on to Envoy'
    : wrongExpression(text, field, reader);
  if (reason === undefined) return text;
  if (reason !== '') refuse(given, field, reason, reader);
  return undefined;
}

function withoutConversion(text: string): string {
  const ast = parsed(text);
  if (typeof ast === 'string' || ast.op !== 'call' || ast.args[0] !== 'string') return text;
  const [, [inner, ...others]] = ast.args;
  return inner === undefined || others.length > 0 ? text : text.slice(inner.start, inner.end);
}

function refuse(text: string, field: string, reason: string, { findings }: FieldReader): void {
  findings.error('invalid-expression', field, `${show(text)} can't be used (${reason}): correct it`);
}

/** Undefined: nothing is wrong. Empty: it was reported already. */
function wrongExpression(text: string, field: string, reader: FieldReader): string | undefined {
  const ast = parsed(text);
  if (typeof ast === 'string') return ast;
  const nodes = allNodes(ast);
  for (const node of nodes) {
    const reason = wrongNumber(node) ?? wrongCall(node);
    if (reason !== undefined) return reason;
  }
  const patterns = nodes.flatMap((node) => patternOf(node) ?? []);
  if (patterns.some((pattern) => checkRegex(pattern, field, reader.findings) === undefined)) return '';
  for (const message of unknownAttributes(nodes)) reader.findings.warn('unknown-attribute', field, message);
  return undefined;
}

/** What is wrong with it where it can't be parsed, by Envoy or at all. */
function parsed(text: string): ASTNode | string {
  const ast = parsedTo(maxDepth, text);
  if (typeof ast === 'string') return ast;
  const chained = longestChain(ast);
  if (chained === 0) return ast;
  // What is chained takes of the same depth, which no parser of ours counts.
  return chained < maxDepth ? parsedTo(maxDepth - chained, text) : tooDeep;
}

const tooDeep = `it goes deeper than the ${maxDepth} levels of Envoy`;

function parsedTo(depth: number, text: string): ASTNode | string {
  try {
    return new Environment({ limits: { maxDepth: depth } }).parse(text).ast;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('Exceeded maxDepth')) return tooDeep;
    const message = error instanceof Error ? error.message : String(error);
    return (message.split('\n')[0] ?? '').replace(/[.:]+$/, '');
  }
}

/** Operators of which each stands on the result of the one before: `a + b + c` is two deep. Envoy levels `&&` and `||`. */
function longestChain(root: ASTNode): number {
  return placedNodes(root).reduce((longest, { chained }) => Math.max(longest, chained), 0);
}

function allNodes(root: ASTNode): readonly ASTNode[] {
  return placedNodes(root).map(({ node }) => node);
}

/** Without recursion: a chain of any length is a tree of that depth. */
function placedNodes(root: ASTNode): readonly { readonly node: ASTNode; readonly chained: number }[] {
  const nodes: { readonly node: ASTNode; readonly chained: number }[] = [];
  const rest: { readonly value: unknown; readonly chained: number }[] = [{ value: root, chained: 0 }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, chained } = next;
    if (Array.isArray(value)) {
      for (const one of value) rest.push({ value: one, chained });
    } else if (isNode(value)) {
      const within = chained + (chaining.has(value.op) ? 1 : 0);
      nodes.push({ node: value, chained: within });
      if (value.op !== 'value' && value.op !== 'id') rest.push({ value: value.args, chained: within });
    }
  }
  return nodes;
}

const chaining: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', 'in']);

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** The parser here takes integers of any size. */
function wrongNumber({ op, args }: ASTNode): string | undefined {
  if (op !== 'value' || typeof args !== 'bigint') return undefined;
  return BigInt.asIntN(64, args) === args ? undefined : `${args} is no integer of 64 bits`;
}

function wrongCall(node: ASTNode): string | undefined {
  if (node.op !== 'call' && node.op !== 'rcall') return undefined;
  const [name] = node.args;
  const known = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (node.op === 'call') {
    if (name === 'string') return 'Envoy has no function string(); text, numbers and booleans are written as they are';
    if (known?.plain === undefined) return `Envoy has no function ${name}()`;
    const given = node.args[1];
    if (given.length !== known.plain) return `${name}() takes ${String(known.plain)} of them`;
    if (name === 'has' && given[0]?.op !== '.') return 'has() takes a field, as in has(request.path)';
    return undefined;
  }
  if (known?.ofValue === undefined) return `Envoy has no function .${name}()`;
  return known.ofValue.includes(node.args[2].length) ? undefined : `.${name}() is given too many or too few arguments`;
}

/** The regular expression of a call of `matches` that is written out. */
function patternOf(node: ASTNode): readonly string[] | undefined {
  const last =
    node.op === 'call' && node.args[0] === 'matches'
      ? node.args[1][1]
      : node.op === 'rcall' && node.args[0] === 'matches'
        ? node.args[2][0]
        : undefined;
  return last?.op === 'value' && typeof last.args === 'string' ? [last.args] : undefined;
}

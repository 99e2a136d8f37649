// A JSON value of a resource as people may see it: what only its holder is to know is left out, and what is long is cut.

import type { JsonValue } from '../../proto/json.ts';

/** Fields of Envoy's messages that hold secrets. Sources of secrets by name are no secrets. */
const secretFields =
  /^(private_?key|password|passphrase|(client_|token_|hmac_)?secret|secret_?key|session_?ticket_?keys|access_?token|(initial_)?shared_?key|inline_?(string|bytes))$/i;
const secretHeaders = /authorization|cookie|api-?key|token|secret|password/i;
const hidden = '(not shown)';

const maxValueChars = 160;

/** `OLD → NEW` on one line. Of two long values that begin alike, what stands around the first difference. */
export function shownChange(before: JsonValue | undefined, after: JsonValue | undefined): string {
  const [then, now] = [textOf(before), textOf(after)];
  let same = 0;
  while (same < Math.min(then.length, now.length) && then[same] === now[same]) same += 1;
  const start = same < maxValueChars / 2 ? 0 : same - maxValueChars / 4;
  return `${cutText(then, start)} → ${cutText(now, start)}`;
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined) return '(none)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function cutText(text: string, start: number): string {
  const end = start + maxValueChars;
  return `${start > 0 ? '…' : ''}${text.slice(start, end)}${text.length > end ? '…' : ''}`;
}

/** The value with `(not shown)` in the place of each secret. `field`: where it stands. */
export function withoutSecrets(value: JsonValue, field = ''): JsonValue {
  if (secretFields.test(field) && !isInlineText(field, value)) return hidden;
  if (isList(value)) return value.map((one) => withoutSecrets(one));
  if (typeof value !== 'object' || value === null) return value;
  const { key, name } = value;
  const header = typeof key === 'string' ? key : typeof name === 'string' ? name : '';
  const isHeader = secretHeaders.test(header);
  return Object.fromEntries(
    Object.entries(value).map(([member, inner]) => {
      const isValue = isHeader && (member === 'value' || member === 'raw_value' || member === 'rawValue');
      return [member, isValue && inner !== '' ? hidden : withoutSecrets(inner, member)];
    }),
  );
}

/** The last name of a path `a.b[2].c`. */
export function lastField(path: string): string {
  return /([\w@]+)(\[[^\]]*\])?$/.exec(path)?.[1] ?? '';
}

/** Bodies of answers, formats and public keys are written into configurations, too: they are no secrets. */
function isInlineText(field: string, value: JsonValue): boolean {
  return /^inline_?string$/i.test(field) && typeof value === 'string' && !value.includes('PRIVATE KEY');
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

// Formats of lines and records of access logs, as Envoy reads them: one percent sign out of place has it refuse every listener. In: a
// field and its text. Out: findings. Whether Envoy knows a command is not looked at, since extensions add some.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators

import { show, type FieldReader } from './field-reader.ts';

const operator = /%%|%[A-Z0-9_]+(?:\([^\n]*?\))?(?::\d+)?%/g;

/** `field`: where the text stands. */
export function checkOperators({ findings }: FieldReader, field: string, text: string): void {
  if (!text.replaceAll(operator, '').includes('%')) return;
  const message = `${show(text)} has a % that begins no command such as %PROTOCOL%: write %% for the sign itself`;
  findings.error('invalid-format', field, message);
}

// Findings in the words of a status: the reason and the message of a condition, and validation messages. Pure.

import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { StatusFields } from './object-states.ts';
import { ownPrefix } from './own-status.ts';

/** More are counted: a status is no report. */
const maxFindings = 10;
const maxTextLength = 600;

/** Codes of Istio's own analysis for what it finds as well, so that tools which know them explain ours. */
const istioCodes: Readonly<Record<string, string>> = {
  'unknown-destination': 'IST0101',
  'unknown-gateway': 'IST0101',
  'unknown-delegate': 'IST0101',
  'unknown-provider': 'IST0101',
  'conflicting-host': 'IST0109',
  'selects-nothing': 'IST0127',
  'unreachable-match': 'IST0130',
  'host-not-at-gateway': 'IST0132',
  'empty-subset': 'IST0173',
  'unknown-host': 'IST0174',
};

/** Errors first, then by code and field: equal on every replica, and the first one is what matters most. */
export function inStatusOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted(
    (a, b) =>
      Number(b.severity === 'error') - Number(a.severity === 'error') ||
      compareText(a.code, b.code) ||
      compareText(a.field ?? '', b.field ?? '') ||
      compareText(a.message, b.message),
  );
}

/** `unknown-destination` as conditions have reasons: `UnknownDestination`. */
export function reasonOf(code: string): string {
  return code
    .split('-')
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join('');
}

/** One line a finding: the field, what is wrong and what to do, the code. */
export function messageOf(problems: readonly Problem[]): string {
  const lines = problems.slice(0, maxFindings).map(({ field, message, code }) => {
    const text = message.length > maxTextLength ? `${message.slice(0, maxTextLength)}…` : message;
    return `${field === undefined || field === '' ? '' : `${field}: `}${text} [${code}]`;
  });
  const more = problems.length - lines.length;
  return [...lines, ...(more > 0 ? [`and ${more} more, which isthmus problems lists`] : [])].join('\n');
}

/** As the definitions have them, without room for a text: one for each code. */
export function validationMessages(problems: readonly Problem[]): readonly StatusFields[] {
  const messages = new Map<string, StatusFields>();
  for (const { severity, code: name } of problems) {
    if (messages.has(name)) continue;
    const code = istioCodes[name];
    messages.set(name, {
      type: { ...(code === undefined ? {} : { code }), name: `${ownPrefix}${name}` },
      level: severity === 'error' ? 'ERROR' : 'WARNING',
      ...(code === undefined ? {} : { documentationUrl: pageOf(code) }),
    });
  }
  return [...messages.values()].slice(0, maxFindings);
}

function pageOf(code: string): string {
  return `https://istio.io/latest/docs/reference/config/analysis/${code.toLowerCase()}/`;
}

// A finding as text, without its place: `OBJECT FIELD: message [code]`. What the message begins with is not told twice.

import type { Problem } from '../../discovery/model/problem.ts';

type Told = Pick<Problem, 'object' | 'field' | 'message' | 'code'>;

export function findingText({ object, field, message, code }: Told): string {
  const subject = [object ?? '', field ?? ''].filter((part) => part !== '' && !message.startsWith(part)).join(' ');
  return `${subject === '' ? '' : `${subject}: `}${message} [${code}]`;
}

// Which conditions and messages of a status are ours: lists of `IstioStatus` have no owner for each item, so the names of ours say it.

import { isMapping } from '../../discovery/convert/field-reader.ts';

/** Before the types of our conditions, and the names of our messages. */
export const ownPrefix = 'isthmus.io/';

/** The object is obeyed as it is declared; False: refused, and what was good of it before is in force. */
export const acceptedType = `${ownPrefix}Accepted`;
/** There is no finding about it, not even that it does not do all that it says. */
export const passedType = `${ownPrefix}PassedAnalysis`;

/** Of a condition, or of a validation message. */
export function isOwn(item: Readonly<Record<string, unknown>>): boolean {
  const type = item['type'];
  const name = isMapping(type) ? type['name'] : type;
  return typeof name === 'string' && name.startsWith(ownPrefix);
}

// Which resources of a response a client says that it can't take, in the words of Envoy's own errors. In: the error of a NACK and
// what the response changed. Out: the resources that it names, or none.

import type { EncodedResource } from '../cache/encoded-resource.ts';
import { typeUrls } from './type-rules.ts';

/** Envoy takes the other clusters and listeners of such a response ("Error adding/updating cluster(s) a: why, b: why"). */
const announcements: Readonly<Record<string, string>> = {
  [typeUrls.cluster]: 'Error adding/updating cluster(s) ',
  [typeUrls.listener]: 'Error adding/updating listener(s) ',
};

/** Empty when the error is of another form: then nothing of the response was taken, for all that is known. */
export function namedResources(
  error: string,
  { typeUrl, changed }: { readonly typeUrl: string; readonly changed: readonly EncodedResource[] },
): readonly EncodedResource[] {
  const announcement = announcements[typeUrl];
  const start = announcement === undefined ? -1 : error.indexOf(announcement);
  if (announcement === undefined || start === -1) return [];
  const list = error.slice(start + announcement.length);
  return changed.filter(({ name }) => isNamed(list, name));
}

/** Names begin the list, or follow the reason for another one. */
function isNamed(list: string, name: string): boolean {
  const entry = `${name}: `;
  return list.startsWith(entry) || list.includes(`, ${entry}`) || list.includes(`\n${entry}`);
}

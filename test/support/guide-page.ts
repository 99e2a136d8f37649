// A page of docs/ whose commands are run as they stand. In: its file. Out: the shell commands under a heading.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const documents = resolve(import.meta.dirname, '../../docs');

export interface GuidePage {
  /** What stands between fences of `sh` under the heading that begins so, in its order. Throws when there is nothing. */
  commands(heading: string): readonly string[];
}

export async function guidePage(name: string): Promise<GuidePage> {
  const text = await readFile(resolve(documents, name), 'utf8');
  const sections = text.split(/^## /m).slice(1);
  return {
    commands: (heading) => {
      const section = sections.find((each) => each.startsWith(heading)) ?? '';
      const found = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);
      if (found.length === 0) throw new Error(`${name} has no commands under "${heading}"`);
      return found;
    },
  };
}

// What the rules take from the file system: name servers and the numbers of groups.

import { readFile } from 'node:fs/promises';
import type { InterceptionSurroundings } from './parse-interception.ts';

export async function readSurroundings(): Promise<InterceptionSurroundings> {
  const [resolver, groups] = await Promise.all(
    ['/etc/resolv.conf', '/etc/group'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const ids = new Map((groups ?? '').split('\n').map((line) => groupOf(line)));
  return { nameservers: nameserversOf(resolver ?? ''), groupId: (name) => ids.get(name) };
}

/** Addresses of `nameserver` lines, in order. */
export function nameserversOf(resolverFile: string): readonly string[] {
  return [...resolverFile.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
}

function groupOf(line: string): readonly [string, number] {
  const [name = '', , id = ''] = line.split(':');
  return [name, Number(id)];
}

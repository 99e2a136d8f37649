// What the path of the injection webhook says of its caller, as Istio has it: `/inject/cluster/C/net/N`, in pairs; a slash in a value is
// written `--slash--`. Out: facts, undefined for another path, or why the path is wrong.

import { InjectError } from './inject-error.ts';
import type { CallerFacts } from './sidecar-context.ts';

export function callerOfPath(path: string): CallerFacts | InjectError | undefined {
  if (path === '/inject' || path === '/inject/') return {};
  if (!path.startsWith('/inject/')) return undefined;
  const words = path.slice('/inject/'.length).replace(/\/$/, '').split('/');
  const decoded = words.map(decode);
  if (words.length % 2 !== 0 || decoded.includes('') || decoded.includes(undefined)) {
    return new InjectError(
      'invalid-review',
      `The path ${path} is not /inject followed by pairs such as cluster/C/net/N.`,
    );
  }
  const environment: Record<string, string> = {};
  let clusterId: string | undefined;
  let network: string | undefined;
  for (let index = 0; index < decoded.length; index += 2) {
    const key = decoded[index] ?? '';
    const value = decoded[index + 1] ?? '';
    if (key === 'cluster') clusterId = value;
    else if (key === 'net') network = value;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) environment[key.toUpperCase()] = value;
    else return new InjectError('invalid-review', `The path ${path} has "${key}", which can't be a variable's name.`);
  }
  return { clusterId, network, environment };
}

function decode(word: string): string | undefined {
  try {
    return decodeURIComponent(word).replaceAll('--slash--', '/');
  } catch {
    return undefined; // A stray percent sign.
  }
}

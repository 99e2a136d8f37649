// Requests as a person in a pod would make them: plain `curl` to `http://helloworld:5000`. In: the asking host and how many. Out: who
// answered, counted.

import type { LabHost } from '../support/netns.ts';

export type Answers = {
  readonly asked: number;
  /** Answers by version, `v1` and so on. */
  readonly versions: ReadonlyMap<string, number>;
  /** Status codes other than 200 and connections that failed (`000`), each with how often. */
  readonly failures: ReadonlyMap<string, number>;
  /** The answers' lines, in order. */
  readonly lines: readonly string[];
};

export const helloUrl = 'http://helloworld:5000/hello';

/** Asks `/hello` that many times, one after another over one connection to the sidecar. */
export async function ask(from: LabHost, count: number): Promise<Answers> {
  // curl's own counting: one process makes all requests. A failed one does not stop the others; its code is 000.
  const url = `${helloUrl}?[1-${count}]`;
  const options = ['-sS', '--noproxy', '*', '--connect-timeout', '5', '--max-time', '10', '-w', '%{http_code}\\n'];
  const result = await from.exec(['curl', ...options, url], { timeoutMs: 120_000 });
  const lines = result.stdout.split('\n').filter((line) => line !== '');
  return {
    asked: count,
    lines: lines.filter((line) => line.startsWith('Hello')),
    versions: tally(lines.flatMap((line) => /^Hello version: (\S+),/.exec(line)?.[1] ?? [])),
    failures: tally(lines.filter((line) => /^\d{3}$/.test(line) && line !== '200')),
  };
}

/** Two rounds as if they had been one. */
export function together(first: Answers, second: Answers): Answers {
  return {
    asked: first.asked + second.asked,
    lines: [...first.lines, ...second.lines],
    versions: sum(first.versions, second.versions),
    failures: sum(first.failures, second.failures),
  };
}

/** `v1 × 6, v2 × 4`. */
export function countText(counts: ReadonlyMap<string, number>): string {
  const parts = Array.from(counts, ([name, count]) => `${name} × ${count}`).toSorted();
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function tally(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function sum(first: ReadonlyMap<string, number>, second: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counts = new Map(first);
  for (const [name, count] of second) counts.set(name, (counts.get(name) ?? 0) + count);
  return counts;
}

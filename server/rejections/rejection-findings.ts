// What is said of the versions that proxies rejected: one finding an object, `rejected-by-proxy`, with what Envoy said, of which
// resource, in how many proxies, what is in force meanwhile, and what to do.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { Origin, Problem } from '../../discovery/model/problem.ts';
import { shortTypeName } from '../admin/proxy-status.ts';
import type { Outcome, RejectedVersion } from './rejected-version.ts';

const maxSaidChars = 300;
const code = 'rejected-by-proxy';

/** By object; those without one come last. */
export function rejectionFindings(
  rejected: Iterable<RejectedVersion>,
  originOf: (object: ObjectKey) => Origin | undefined,
): readonly Problem[] {
  const byObject = new Map<ObjectKey | undefined, RejectedVersion[]>();
  for (const one of rejected) {
    const objects = isNamed(one.outcome) ? one.objects : [undefined];
    for (const object of objects) byObject.set(object, [...(byObject.get(object) ?? []), one]);
  }
  return [...byObject]
    .toSorted(([a = '~'], [b = '~']) => (a < b ? -1 : Number(a > b)))
    .flatMap(([object, versions]) =>
      object === undefined ? versions.map((one) => unnamed(one)) : [named(object, versions, originOf(object))],
    );
}

/** The sentence of one rejected version, for the log. */
export function rejectionSentence(one: RejectedVersion): string {
  return isNamed(one.outcome) ? sentence(one.outcome, [one]) : unnamed(one).message;
}

function isNamed(outcome: Outcome): boolean {
  return outcome !== 'unknown';
}

function named(object: ObjectKey, versions: readonly RejectedVersion[], origin: Origin | undefined): Problem {
  const outcome =
    versions.map((one) => one.outcome).toSorted((a, b) => ranks.indexOf(a) - ranks.indexOf(b))[0] ?? 'held';
  const severity = outcome === 'disputed' ? 'warning' : 'error';
  return { severity, code, object, ...(origin === undefined ? {} : { origin }), message: sentence(outcome, versions) };
}

/** Of several that are true of one object, the first is said. */
const ranks: readonly Outcome[] = ['left-out', 'held', 'guarded', 'disputed', 'unknown'];

function sentence(outcome: Outcome, versions: readonly RejectedVersion[]): string {
  return `${whatWasSaid(versions)}. ${consequences[outcome]}`;
}

const correct = 'correct it, or delete it';
const consequences: Readonly<Record<Outcome, string>> = {
  held: `The last form of the object that was in force before stays in use, and everything else goes on: ${correct}.`,
  'left-out': `The object is left out, since no earlier form of it is known that proxies take, and everything else goes on: ${correct}.`,
  disputed:
    'Other proxies take what is made of the object, so it stays in force; those that do not go on with what they had, and those that start now lack it: find out how they differ (their version of Envoy, files beside them), or change the object.',
  guarded: `The object is not taken back, since its earlier form may let in what this one does not; proxies that reject it go on with what they had, and those that start now lack it: ${correct}.`,
  unknown: '',
};

function unnamed(one: RejectedVersion): Problem {
  const known = one.objects.length === 0 ? '' : ` It may come from ${one.objects.slice(0, 3).join(', ')}.`;
  return {
    severity: 'error',
    code,
    message: `${whatWasSaid([one])}. No single object could be made out as the cause, so nothing was taken back; proxies that reject it go on with what they had.${known}`,
  };
}

function whatWasSaid(versions: readonly RejectedVersion[]): string {
  const [first] = versions;
  if (first === undefined) return 'Envoy rejects it';
  const proxies = new Set(versions.flatMap((one) => [...one.proxies]));
  const [example = ''] = proxies;
  const places = versions.length === 1 ? '' : ` and ${versions.length - 1} more`;
  const what = `${shortTypeName(first.typeUrl)} ${first.resource === undefined ? 'in a response' : first.resource.name}${places}`;
  const who = proxies.size === 1 ? `proxy ${example}` : `${proxies.size} proxies, such as ${example},`;
  const verb = proxies.size === 1 ? 'rejects' : 'reject';
  return `${capital(who)} ${verb} ${what}: "${shortened(first.said)}"`;
}

/** The words of a proxy are not ours: one line, printable, of a bearable length. */
function shortened(said: string): string {
  const line = said.replaceAll(/[\s\p{C}]+/gu, ' ').trim();
  if (line.length <= maxSaidChars) return line;
  // Envoy quotes what it can't take first, and gives the reason last.
  const half = maxSaidChars / 2;
  return `${line.slice(0, half)} … ${line.slice(-half)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

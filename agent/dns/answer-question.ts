// What a question is answered with from the name table, if it can be. Pure. In: a question and the names. Out: a reply, or that
// somebody else has to be asked.

import type { Answer } from 'dns-packet';
import { rcodes, type Question, type Reply } from './dns-message.ts';
import { foldName, type FoundName, type NameLookup, type ServicePort } from './name-lookup.ts';

export type TableAnswer =
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** `nameExists`: it is a name of the mesh, so "no such name" from elsewhere means that it has nothing of that type. */
  | { readonly kind: 'ask-upstream'; readonly nameExists: boolean };

/** Seconds: as short as Istio's agent has it, since endpoints of headless services move. */
const ttl = 30;

/** `HTTPS` and `SVCB` could lead past the mesh, to addresses that the table does not have. */
const bindings: ReadonlySet<string> = new Set(['UNKNOWN_64', 'UNKNOWN_65', 'SVCB', 'HTTPS']);

/** `shuffle` gives the order of addresses, so that clients that take the first share what is behind a name. */
export function answerQuestion(
  question: Question,
  names: NameLookup,
  shuffle: (addresses: readonly string[]) => readonly string[],
): TableAnswer {
  if (!question.isInternet || !question.isPlain) return { kind: 'ask-upstream', nameExists: false };
  const name = foldName(question.name);
  const found = names.find(name);
  if (found === undefined) return answerForService(question, name, names, shuffle);
  const { type } = question;
  const alias = aliasRecords(question, found);
  const owner = found.standsFor ?? question.name;
  if (type === 'A') return reply([...alias, ...records('A', owner, shuffle(found.known.ipv4))]);
  if (type === 'AAAA') return reply([...alias, ...records('AAAA', owner, shuffle(found.known.ipv6))]);
  if (type === 'ANY') return reply([...alias, ...addresses(owner, found, shuffle)]);
  if (type === 'CNAME' && alias.length > 0) return reply(alias);
  if (bindings.has(type)) return reply(alias);
  if (type === 'SRV' && found.known.ports.length > 0) return services(question, found, found.known.ports, shuffle);
  return { kind: 'ask-upstream', nameExists: found.standsFor === undefined };
}

/** `_PORT._PROTOCOL.SERVICE`. */
function answerForService(
  question: Question,
  name: string,
  names: NameLookup,
  shuffle: (addresses: readonly string[]) => readonly string[],
): TableAnswer {
  const [, port, protocol, service = ''] = /^_([^.]+)\._(tcp|udp)\.(.+)$/.exec(name) ?? [];
  const found = port === undefined ? undefined : names.find(service);
  if (found === undefined || found.known.ports.length === 0) return { kind: 'ask-upstream', nameExists: false };
  const named = found.known.ports.filter((one) => one.name === port && one.protocol === protocol);
  if (named.length === 0) return reply([], { rcode: rcodes.nameError });
  return question.type === 'SRV' ? services(question, found, named, shuffle) : reply([]);
}

function services(
  question: Question,
  found: FoundName,
  ports: readonly ServicePort[],
  shuffle: (addresses: readonly string[]) => readonly string[],
): TableAnswer {
  const target = found.known.host;
  const answers = ports.map(({ port }): Answer => ({
    type: 'SRV',
    name: question.name,
    ttl,
    data: { priority: 0, weight: Math.floor(100 / ports.length), port, target },
  }));
  return reply(answers, { additionals: addresses(target, found, shuffle) });
}

function aliasRecords({ name }: Question, { standsFor }: FoundName): readonly Answer[] {
  return standsFor === undefined ? [] : [{ type: 'CNAME', name, ttl, data: standsFor }];
}

function addresses(
  owner: string,
  { known }: FoundName,
  shuffle: (addresses: readonly string[]) => readonly string[],
): readonly Answer[] {
  return [...records('A', owner, shuffle(known.ipv4)), ...records('AAAA', owner, shuffle(known.ipv6))];
}

function records(type: 'A' | 'AAAA', name: string, all: readonly string[]): readonly Answer[] {
  return all.map((data): Answer => ({ type, name, ttl, data }));
}

function reply(
  answers: readonly Answer[],
  {
    rcode = rcodes.noError,
    additionals = [],
  }: { readonly rcode?: number; readonly additionals?: readonly Answer[] } = {},
): TableAnswer {
  return { kind: 'reply', reply: { rcode, answers, authorities: [], additionals, authoritative: true } };
}

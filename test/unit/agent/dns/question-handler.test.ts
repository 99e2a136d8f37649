// What comes back for what comes in: from the table, from elsewhere, or as a refusal; and always something that DNS is, whatever
// the bytes.

import { decode, encode, RECURSION_DESIRED, type Answer, type Packet, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DnsCounters } from '../../../../agent/dns/dns-counters.ts';
import { rcodeOf, rcodes } from '../../../../agent/dns/dns-message.ts';
import { NameLookup } from '../../../../agent/dns/name-lookup.ts';
import { QuestionHandler } from '../../../../agent/dns/question-handler.ts';
import type { Transport } from '../../../../agent/dns/upstream-resolver.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const host = 'helloworld.sample.svc.cluster.local';
const many = Array.from({ length: 60 }, (_, index) => `10.1.0.${index + 1}`);
const ports = [
  { name: 'http', number: 5000 },
  { name: 'dns', number: 53, udp: true },
];
const named = (shortname: string) => ({ registry: 'Kubernetes', shortname, namespace: 'sample' });
const names = new NameLookup(
  {
    table: {
      [host]: { ips: ['240.240.1.1', '2001:2::1'], ...named('helloworld'), ports },
      'plain.sample.svc.cluster.local': { ips: ['10.96.0.2'], ...named('plain') },
      'many.sample.svc.cluster.local': { ips: many, ...named('many') },
    },
  },
  { namespace: 'sample', domain: 'svc.cluster.local', firstSearch: 'sample.svc.cluster.local' },
);

interface Upstream {
  readonly asked: Buffer[];
  /** Undefined: nobody answers. */
  answer: ((packet: Buffer) => Buffer) | undefined;
}

function handler({
  table = names,
  signal = new AbortController().signal,
}: { table?: NameLookup | null; signal?: AbortSignal } = {}) {
  const upstream: Upstream = { asked: [], answer: undefined };
  const counters = new DnsCounters();
  const clock = new FakeClock();
  const ask = async (packet: Buffer, _transport: Transport): Promise<Buffer | undefined> => {
    upstream.asked.push(packet);
    return upstream.answer?.(packet);
  };
  const made = new QuestionHandler({ upstream: { ask }, counters, clock, random: Math.random, signal });
  if (table !== null) made.setNames(table);
  return { upstream, counters, clock, handler: made };
}

function question(name: string, type: RecordType | 'ANY' | 'UNKNOWN_65' = 'A', more: Partial<Packet> = {}): Buffer {
  return encode({
    type: 'query',
    id: 4711,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type as RecordType }],
    ...more,
  });
}

const opt = (udpPayloadSize: number, ednsVersion = 0): Answer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion,
  flags: 0,
  flag_do: false,
  options: [],
});

async function ask(packet: Buffer, transport: Transport = 'udp', given = handler()) {
  const bytes = await given.handler.handle(packet, transport);
  if (bytes === undefined) throw new Error('no response');
  return { ...decode(bytes), rcode: rcodeOf(bytes), bytes };
}

const data = (answers: readonly Answer[] = []): unknown[] =>
  answers.map((one) => ('data' in one ? one.data : undefined));

describe('a name of the table', () => {
  test('is answered with its addresses, for thirty seconds, with authority', async () => {
    const response = await ask(question(host));
    expect(response).toMatchObject({
      id: 4711,
      rcode: 0,
      flag_qr: true,
      flag_aa: true,
      flag_rd: true,
      flag_ra: true,
      flag_tc: false,
    });
    expect(response.answers).toMatchObject([{ type: 'A', name: host, ttl: 30, data: '240.240.1.1' }]);
    expect(data((await ask(question(host, 'AAAA'))).answers)).toEqual(['2001:2::1']);
    expect(data((await ask(question('helloworld', 'ANY'))).answers)).toEqual(['240.240.1.1', '2001:2::1']);
  });

  test('keeps the case that it was asked in', async () => {
    const response = await ask(question('HelloWORLD.sAmple'));
    expect(response.questions?.[0]?.name).toBe('HelloWORLD.sAmple');
    expect(response.answers).toMatchObject([{ name: 'HelloWORLD.sAmple', data: '240.240.1.1' }]);
  });

  test('without an address of that family has no data, which is not "no such name"', async () => {
    expect(await ask(question('plain', 'AAAA'))).toMatchObject({ rcode: rcodes.noError, answers: [], flag_aa: true });
    expect(await ask(question('plain', 'UNKNOWN_65'))).toMatchObject({ rcode: rcodes.noError, answers: [] });
  });

  test('that a resolver lengthened leads to what was meant', async () => {
    expect((await ask(question(`${host}.sample.svc.cluster.local`))).answers).toMatchObject([
      { type: 'CNAME', name: `${host}.sample.svc.cluster.local`, data: host },
      { type: 'A', name: host, data: '240.240.1.1' },
    ]);
  });

  test('is asked for elsewhere for other types, where "no such name" means no data', async () => {
    const given = handler();
    given.upstream.answer = (packet) => encode({ ...decode(packet), type: 'response', flags: rcodes.nameError });
    expect(await ask(question('plain', 'TXT'), 'udp', given)).toMatchObject({ rcode: rcodes.noError, answers: [] });
    expect(await ask(question('plain', 'SRV'), 'udp', given)).toMatchObject({ rcode: rcodes.noError, answers: [] });
    expect(given.upstream.asked).toHaveLength(2);
  });

  test('gives its addresses in changing order, all of them every time', async () => {
    const firsts = new Set<unknown>();
    for (let index = 0; index < 50; index += 1) {
      const all = data((await ask(question('many'), 'tcp')).answers);
      expect(new Set(all)).toEqual(new Set(many));
      expect(all).toHaveLength(60);
      firsts.add(all[0]);
    }
    expect(firsts.size).toBeGreaterThan(10);
  });
});

describe('a port of a service that only other clusters have', () => {
  test('is found by SRV, with the addresses of its service', async () => {
    const response = await ask(question(`_http._tcp.${host}`, 'SRV'));
    expect(response.answers).toMatchObject([
      { type: 'SRV', ttl: 30, data: { priority: 0, weight: 100, port: 5000, target: host } },
    ]);
    expect(data(response.additionals)).toEqual(['240.240.1.1', '2001:2::1']);
    expect((await ask(question('_dns._udp.helloworld', 'SRV'))).answers).toMatchObject([{ data: { port: 53 } }]);
    expect((await ask(question(host, 'SRV'))).answers).toHaveLength(2);
  });

  test('that it does not have is "no such name"', async () => {
    expect((await ask(question(`_dns._tcp.${host}`, 'SRV'))).rcode).toBe(rcodes.nameError);
    expect((await ask(question(`_http._tcp.${host}`, 'A'))).rcode).toBe(rcodes.noError);
  });

  test('is somebody else’s question where the own cluster has the service', async () => {
    const given = handler();
    given.upstream.answer = (packet) => encode({ ...decode(packet), type: 'response' });
    await ask(question('_http._tcp.plain', 'SRV'), 'udp', given);
    expect(given.upstream.asked).toHaveLength(1);
  });
});

describe('an answer that is too long', () => {
  test('is cut to what the client takes, and says so', async () => {
    const given = handler();
    const plain = await ask(question('many'), 'udp', given);
    expect(plain.bytes.length).toBeLessThanOrEqual(512);
    expect(plain.flag_tc).toBe(true);
    expect(plain.answers?.length).toBeGreaterThan(5);
    expect(given.counters.get('truncated_total')).toBe(1);

    const larger = await ask(question('many', 'A', { additionals: [opt(1200)] }));
    expect(larger.bytes.length).toBeLessThanOrEqual(1200);
    expect(larger.answers?.length).toBeGreaterThan(plain.answers?.length ?? 0);
    expect(larger.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });

  test('is whole over TCP', async () => {
    expect(await ask(question('many'), 'tcp')).toMatchObject({ flag_tc: false, answers: { length: 60 } });
  });

  test('of somebody else is cut to its question', async () => {
    const given = handler();
    const records = many.map((address): Answer => ({ type: 'A', name: 'other.example.com', ttl: 1, data: address }));
    given.upstream.answer = (packet) => encode({ ...decode(packet), type: 'response', answers: records });
    const response = await ask(question('other.example.com'), 'udp', given);
    expect(response).toMatchObject({ flag_tc: true, answers: [], questions: [{ name: 'other.example.com' }] });
    expect((await ask(question('other.example.com'), 'tcp', given)).answers).toHaveLength(60);
  });
});

describe('any other name', () => {
  test('goes elsewhere as it came, and its answer comes back as it is', async () => {
    const given = handler();
    const answer: Answer = { type: 'TXT', name: 'Other.Example.com', ttl: 7, data: ['text'] };
    given.upstream.answer = (packet) =>
      encode({ ...decode(packet), type: 'response', flags: rcodes.nameError, answers: [answer] });
    const packet = question('Other.Example.com', 'TXT', { additionals: [opt(4096)] });
    const response = await ask(packet, 'udp', given);
    expect(given.upstream.asked).toEqual([packet]);
    expect(response).toMatchObject({ id: 4711, rcode: rcodes.nameError, answers: [{ ttl: 7 }] });
  });

  test('is SERVFAIL when nobody answers', async () => {
    const given = handler();
    expect(await ask(question('other.example.com'), 'udp', given)).toMatchObject({
      rcode: rcodes.serverFailure,
      flag_aa: false,
      questions: [{ name: 'other.example.com' }],
    });
    expect(given.counters.get('failures_total')).toBe(1);
  });

  test('of another class goes elsewhere, even if it is one of the table', async () => {
    const given = handler();
    await ask(encode({ type: 'query', id: 1, questions: [{ name: host, type: 'A', class: 'CH' }] }), 'udp', given);
    expect(given.upstream.asked).toHaveLength(1);
  });
});

describe('before the first table', () => {
  test('a question waits for it', async () => {
    const given = handler({ table: null });
    const response = ask(question('helloworld'), 'udp', given);
    given.handler.setNames(names);
    expect(data((await response).answers)).toEqual(['240.240.1.1']);
  });

  test('a question is passed on when none comes in three seconds', async () => {
    const given = handler({ table: null });
    given.upstream.answer = (packet) => encode({ ...decode(packet), type: 'response' });
    const response = ask(question('other.example.com'), 'udp', given);
    expect(given.upstream.asked).toHaveLength(0);
    given.clock.advance(3000);
    expect((await response).rcode).toBe(rcodes.noError);
  });

  test('a flood is refused beyond a thousand', async () => {
    const given = handler({ table: null });
    const all = Array.from({ length: 1010 }, () => ask(question('helloworld'), 'udp', given));
    await Promise.resolve();
    given.handler.setNames(names);
    const codes = (await Promise.all(all)).map(({ rcode }) => rcode);
    expect(codes.filter((code) => code === rcodes.serverFailure)).toHaveLength(10);
    expect(given.counters.get('overflow_total')).toBe(10);
  });
});

describe('what is no question', () => {
  test('a question of nothing, or of two things, is a format error', async () => {
    const given = handler();
    const [one, two] = ['a.example', 'b.example'].map((name) => ({ name, type: 'A' as const }));
    for (const questions of [[], [one, two]]) {
      const packet = encode({ type: 'query', id: 9, questions: questions.flatMap((each) => each ?? []) });
      expect(await ask(packet, 'udp', given)).toMatchObject({ id: 9, rcode: rcodes.formatError });
    }
    expect(given.counters.get('refused_total')).toBe(2);
  });

  test('another operation is not implemented; a later EDNS is a bad version', async () => {
    const update = question(host);
    update.writeUInt16BE(update.readUInt16BE(2) | (5 << 11), 2);
    expect((await ask(update)).rcode).toBe(rcodes.notImplemented);
    const later = await ask(question(host, 'A', { additionals: [opt(1232, 1)] }));
    expect(later).toMatchObject({ rcode: 0, answers: [], additionals: [{ type: 'OPT', extendedRcode: 1 }] });
  });

  test('a response is not answered, nor is half a header', async () => {
    const given = handler();
    expect(await given.handler.handle(encode({ type: 'response', id: 1, questions: [] }), 'udp')).toBeUndefined();
    expect(await given.handler.handle(Buffer.from([1, 2, 3]), 'udp')).toBeUndefined();
    expect(given.counters.get('garbage_total')).toBe(2);
  });

  test('a name of 300 characters is refused', async () => {
    const labels = Buffer.concat(
      Array.from({ length: 6 }, () => Buffer.concat([Buffer.from([49]), Buffer.alloc(49, 'a')])),
    );
    const packet = Buffer.concat([question('x').subarray(0, 12), labels, Buffer.from([0, 0, 1, 0, 1])]);
    expect((await ask(packet)).rcode).toBe(rcodes.formatError);
  });

  test('a name that is no text goes elsewhere byte by byte', async () => {
    const given = handler();
    given.upstream.answer = (packet) => packet;
    const label = Buffer.from([4, 0xff, 0x2e, 0x00, 0xfe]);
    const packet = Buffer.concat([question('x').subarray(0, 12), label, Buffer.from([0, 0, 1, 0, 1])]);
    await given.handler.handle(packet, 'udp');
    expect(given.upstream.asked).toEqual([packet]);
  });

  test('whatever the bytes: a response with the same id, or none', async () => {
    const given = handler();
    given.upstream.answer = (packet) => packet;
    const noise = fc.uint8Array({ maxLength: 600 });
    const start = question(host, 'A', { additionals: [opt(1232)] });
    // Most noise is no question: questions with a few bytes changed go deeper.
    const nearly = fc
      .array(fc.tuple(fc.nat(start.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const bytes = Buffer.from(start);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(noise, nearly),
        fc.constantFrom('udp' as const, 'tcp' as const),
        async (bytes, transport) => {
          const packet = Buffer.from(bytes);
          const response = await given.handler.handle(packet, transport);
          const length = response?.length ?? 12;
          const id = response === undefined || response.length < 2 ? packet.subarray(0, 2) : response.subarray(0, 2);
          expect(length).toBeGreaterThanOrEqual(12);
          expect(id).toEqual(packet.subarray(0, 2));
          expect(packet.length >= 12 || response === undefined).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

test('what is counted is shown as Prometheus reads it', async () => {
  const given = handler();
  await ask(question(host), 'udp', given);
  expect(given.counters.render()).toContain(
    '# TYPE isthmus_agent_dns_answered_total counter\nisthmus_agent_dns_answered_total 1\n',
  );
});

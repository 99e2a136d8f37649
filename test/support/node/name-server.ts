// DNS of a cluster for its pods. In: where to listen, and a table of names that may be replaced at any time. Out: answers over UDP and
// TCP; a name that is not in the table does not exist, since there is nothing behind it to ask.

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  streamDecode,
  streamEncode,
  type Answer,
  type Packet,
  type Question,
} from 'dns-packet';
import type { NameTable } from './cluster-names.ts';

const nameError = 3;
const ttl = 5;

export class NameServer {
  #table: NameTable = {};
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;

  constructor() {
    this.#udp.on('message', (message, from) => {
      const answer = this.#answer(() => decode(message));
      if (answer !== undefined) this.#udp.send(encode(answer), from.port, from.address);
    });
    this.#tcp = createServer((socket) => {
      let received: Buffer = Buffer.alloc(0);
      socket.on('error', () => socket.destroy());
      socket.on('data', (part: Buffer) => {
        received = Buffer.concat([received, part]);
        while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          const length = 2 + received.readUInt16BE(0);
          const whole = received.subarray(0, length);
          received = received.subarray(length);
          const answer = this.#answer(() => streamDecode(whole) ?? undefined);
          if (answer !== undefined) socket.write(streamEncode(answer));
        }
      });
    });
  }

  async listen(address: string): Promise<void> {
    await Promise.all([
      new Promise<void>((done) => {
        this.#udp.bind(53, address, done);
      }),
      new Promise<void>((done) => {
        this.#tcp.listen(53, address, done);
      }),
    ]);
  }

  replace(table: NameTable): void {
    this.#table = table;
  }

  /** Nothing for what is no question. */
  #answer(read: () => Packet | undefined): Packet | undefined {
    let asked: Packet | undefined;
    try {
      asked = read();
    } catch {
      return undefined;
    }
    if (asked?.type !== 'query' || asked.questions === undefined) return undefined;
    const answers: Answer[] = [];
    let found = asked.questions.length > 0;
    for (const question of asked.questions) {
      const mine = this.#lookUp(question, 0);
      if (mine === undefined) found = false;
      else answers.push(...mine);
    }
    const flags = AUTHORITATIVE_ANSWER | ((asked.flags ?? 0) & 0x100) | (found ? 0 : nameError);
    return {
      type: 'response',
      flags,
      ...(asked.id === undefined ? {} : { id: asked.id }),
      questions: asked.questions,
      answers,
    };
  }

  /** Undefined for a name that does not exist. */
  #lookUp({ name, type }: Pick<Question, 'name' | 'type'>, depth: number): Answer[] | undefined {
    const records = this.#table[name.toLowerCase()];
    if (records === undefined) return undefined;
    if (records.cname !== undefined) {
      const rest = depth < 8 ? this.#lookUp({ name: records.cname, type }, depth + 1) : undefined;
      return [{ type: 'CNAME', name, ttl, data: records.cname }, ...(rest ?? [])];
    }
    if (type === 'A') return records.a.map((data) => ({ type, name, ttl, data }));
    if (type !== 'SRV') return [];
    return (records.srv ?? []).map((data) => ({ type, name, ttl, data: { priority: 0, weight: 100, ...data } }));
  }
}

// Reads questions and writes answers, as bytes. What is parsed is parsed by `dns-packet`; what is passed on keeps its bytes. In:
// a packet from anybody. Out: a question that can be answered, or what to answer to one that can't.

import { decode, encode, type Answer, type OptAnswer } from 'dns-packet';

/** Response codes, RFC 1035 and 6891. */
export const rcodes = Object.freeze({
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
});

export type Question = {
  /** The whole packet. */
  readonly bytes: Buffer;
  readonly id: number;
  /** As it was asked, letter by letter: some resolvers recognize their answers by the case of letters. */
  readonly name: string;
  /** `A`, `AAAA`, …, or `UNKNOWN_65`. */
  readonly type: string;
  readonly isInternet: boolean;
  readonly recursionDesired: boolean;
  /** The name can be written back as it came; otherwise its bytes are for others to answer. */
  readonly isPlain: boolean;
  /** The greatest response over UDP. */
  readonly udpBytes: number;
  readonly edns: boolean;
};

export type ReadMessage =
  | { readonly kind: 'question'; readonly question: Question }
  /** A response to send as it is. */
  | { readonly kind: 'refused'; readonly response: Buffer }
  /** Nothing that could be answered. */
  | { readonly kind: 'garbage' };

export type Reply = {
  readonly rcode: number;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
  /** From the name table, not from elsewhere. */
  readonly authoritative: boolean;
};

export const headerBytes = 12;
/** RFC 1035: what any client takes over UDP. */
const plainUdpBytes = 512;
/** What is announced, and the most that is sent over UDP: fits into a packet of any network. */
const ednsUdpBytes = 1232;
/** No question is longer, with all the options that there are. */
const maxQuestionBytes = 4096;

const flag = Object.freeze({
  response: 0x80_00,
  authoritative: 0x04_00,
  truncated: 0x02_00,
  recursionDesired: 0x01_00,
  recursionAvailable: 0x00_80,
});

/** Never throws, whatever the bytes. */
export function readMessage(bytes: Buffer): ReadMessage {
  if (bytes.length < headerBytes) return { kind: 'garbage' };
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.response) !== 0) return { kind: 'garbage' };
  if (((flags >> 11) & 0xf) !== 0) return refused(bytes, rcodes.notImplemented);
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  // Looked at before anything is parsed, so that the work is bounded.
  const isQuestion = questions === 1 && answers === 0 && authorities === 0 && (additionals ?? 0) <= 4;
  if (!isQuestion || bytes.length > maxQuestionBytes) return refused(bytes, rcodes.formatError);
  try {
    return parsed(bytes, flags);
  } catch {
    return refused(bytes, rcodes.formatError);
  }
}

function parsed(bytes: Buffer, flags: number): ReadMessage {
  const packet = decode(bytes);
  const [asked] = packet.questions ?? [];
  if (asked === undefined) return refused(bytes, rcodes.formatError);
  const edns = (packet.additionals ?? []).find((record): record is OptAnswer => record.type === 'OPT');
  const question: Question = {
    bytes,
    id: bytes.readUInt16BE(0),
    name: asked.name,
    type: asked.type,
    isInternet: asked.class === 'IN',
    recursionDesired: (flags & flag.recursionDesired) !== 0,
    isPlain: isSame(bytes, asked),
    udpBytes: Math.min(ednsUdpBytes, Math.max(plainUdpBytes, edns?.udpPayloadSize ?? 0)),
    edns: edns !== undefined,
  };
  if (edns !== undefined && edns.ednsVersion > 0) {
    const badVersion = {
      rcode: rcodes.badVersion,
      answers: [],
      authorities: [],
      additionals: [],
      authoritative: false,
    };
    return { kind: 'refused', response: writeReply(question, badVersion, question.udpBytes) };
  }
  return { kind: 'question', question };
}

/** Labels may hold any byte, dots too; as text they are not what they were. */
function isSame(bytes: Buffer, asked: NonNullable<ReturnType<typeof decode>['questions']>[number]): boolean {
  let written: Buffer;
  try {
    written = encode({ questions: [asked] }).subarray(headerBytes);
  } catch {
    return false; // A class that has no name.
  }
  return bytes.subarray(headerBytes, headerBytes + written.length).equals(written);
}

/** A header and nothing else: the rest can't be trusted. */
function refused(bytes: Buffer, rcode: number): ReadMessage {
  const response = Buffer.alloc(headerBytes);
  bytes.copy(response, 0, 0, 2);
  const keptFlags = bytes.readUInt16BE(2) & 0x79_00;
  response.writeUInt16BE(flag.response | keptFlags | flag.recursionAvailable | rcode, 2);
  return { kind: 'refused', response };
}

/**
 * The response to `question`, at most `maxBytes` long: what helps but was not asked for goes first, then answers from the end,
 * and then the client is told to ask over TCP.
 */
export function writeReply(question: Question, reply: Reply, maxBytes: number): Buffer {
  const whole = write(question, reply, false);
  if (whole.length <= maxBytes) return whole;
  const bare = { ...reply, additionals: [] };
  const answered = write(question, bare, false);
  if (answered.length <= maxBytes) return answered;
  // All answers to a question are about as long as each other, so this is near; the rest is counted down.
  let count = Math.floor((reply.answers.length * maxBytes) / answered.length);
  for (; count > 0; count -= 1) {
    const some = write(question, { ...bare, answers: reply.answers.slice(0, count) }, true);
    if (some.length <= maxBytes) return some;
  }
  return write(question, { ...bare, answers: [], authorities: [] }, true);
}

function write(question: Question, reply: Reply, truncated: boolean): Buffer {
  const { id, edns, recursionDesired } = question;
  const flags =
    (reply.authoritative ? flag.authoritative : 0) |
    (truncated ? flag.truncated : 0) |
    (recursionDesired ? flag.recursionDesired : 0) |
    flag.recursionAvailable |
    (reply.rcode & 0xf);
  const head = encode({
    type: 'response',
    id,
    flags,
    answers: [...reply.answers],
    authorities: [...reply.authorities],
    additionals: edns ? [...reply.additionals, optionsRecord(reply.rcode)] : [...reply.additionals],
  });
  // The question as it came.
  const asked = question.bytes.subarray(headerBytes, headerBytes + questionBytes(question.bytes));
  const response = Buffer.concat([head.subarray(0, headerBytes), asked, head.subarray(headerBytes)]);
  response.writeUInt16BE(asked.length === 0 ? 0 : 1, 4);
  return response;
}

function optionsRecord(rcode: number): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: ednsUdpBytes,
    extendedRcode: rcode >> 4,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** Length of the first question, 0 when there is none that ends. Questions come first, so nothing is there to point to. */
export function questionBytes(bytes: Buffer): number {
  let at = headerBytes;
  for (;;) {
    const label = bytes[at];
    if (label === undefined || label > 63) return 0;
    at += 1 + label;
    if (label === 0) break;
  }
  return at + 4 <= bytes.length ? at + 4 - headerBytes : 0;
}

/** A response of somebody else, cut to header and question when it is longer than `maxBytes`. */
export function fitResponse(response: Buffer, maxBytes: number): Buffer {
  if (response.length <= maxBytes) return response;
  const cut = Buffer.from(response.subarray(0, headerBytes + questionBytes(response)));
  cut.writeUInt16BE(cut.readUInt16BE(2) | flag.truncated, 2);
  cut.fill(0, 6, headerBytes);
  return cut;
}

/** Response code of a response of somebody else. */
export function rcodeOf(response: Buffer): number {
  return (response[3] ?? 0) & 0xf;
}

/** Whether `response` answers what `asked` asks, with this id. */
export function isResponseTo(response: Buffer, asked: Buffer, id: number): boolean {
  if (response.length < headerBytes || response.readUInt16BE(0) !== id) return false;
  if ((response.readUInt16BE(2) & flag.response) === 0) return false;
  // Who can't read the question may leave it out.
  if (response.readUInt16BE(4) === 0) return rcodeOf(response) !== rcodes.noError;
  const length = questionBytes(asked);
  if (length === 0 || questionBytes(response) !== length) return false;
  const section = (bytes: Buffer): string => bytes.toString('latin1', headerBytes, headerBytes + length).toLowerCase();
  return section(response) === section(asked);
}

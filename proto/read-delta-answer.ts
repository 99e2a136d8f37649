// The most frequent message of all, read without a decoder: a DeltaDiscoveryRequest that accepts a response holds two
// short fields. In: the bytes of any request. Out: the two fields, or undefined for whatever holds more.

/** A DeltaDiscoveryRequest without anything else. */
export interface DeltaAnswer {
  readonly typeUrl: string;
  readonly responseNonce: string;
}

/** Tags of `type_url` (2) and `response_nonce` (6), both length-delimited. */
const typeUrlTag = 0x12;
const responseNonceTag = 0x32;

/** Undefined unless the message is those two fields, each once, with texts of up to 127 ASCII characters. */
export function readDeltaAnswer(bytes: Buffer): DeltaAnswer | undefined {
  let typeUrl: string | undefined;
  let responseNonce: string | undefined;
  let offset = 0;
  while (offset < bytes.length) {
    const tag = bytes[offset];
    const length = bytes[offset + 1];
    const start = offset + 2;
    if (length === undefined || length > 127 || start + length > bytes.length) return undefined;
    offset = start + length;
    if (!isAscii(bytes, start, offset)) return undefined;
    if (tag === typeUrlTag && typeUrl === undefined) typeUrl = bytes.toString('latin1', start, offset);
    else if (tag === responseNonceTag && responseNonce === undefined)
      responseNonce = bytes.toString('latin1', start, offset);
    else return undefined;
  }
  return typeUrl === undefined || responseNonce === undefined ? undefined : { typeUrl, responseNonce };
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) if ((bytes[index] ?? 0) > 127) return false;
  return true;
}

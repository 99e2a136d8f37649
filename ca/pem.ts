// PEM (RFC 7468): text with labelled base64 blocks to bytes and back. Text between blocks is ignored, as openssl's
// human-readable output puts some there; a block that is cut short or holds anything but base64 is an error.
import { CaError } from './ca-error.ts';

export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

const begin = /^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t\r]*$/;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** All blocks in order; `where` names the source in the error's sentence. */
export function readPem(text: string, where: string): readonly PemBlock[] | CaError {
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  for (const line of text.split('\n')) {
    const start = begin.exec(line)?.[1];
    if (label === undefined) {
      label = start;
      body = [];
    } else if (line.trimEnd() === `-----END ${label}-----`) {
      const encoded = body.join('');
      if (encoded.length % 4 !== 0 || !base64.test(encoded)) {
        return new CaError('file-unreadable', `A ${label} block in ${where} is not base64: write it again as PEM.`);
      }
      blocks.push({ label, der: Buffer.from(encoded, 'base64') });
      label = undefined;
    } else {
      body.push(line.trim());
    }
  }
  if (label !== undefined) {
    return new CaError('file-unreadable', `The ${label} block in ${where} has no end: write it again as PEM.`);
  }
  return blocks;
}

/** One block, in lines of 64 characters, ending with a newline. */
export function writePem(label: string, der: Uint8Array): string {
  const encoded = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = encoded.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

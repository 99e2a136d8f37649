// Certificates that configuration names as files beside the proxy, as secrets: read by the agent, so that a file that is replaced is
// seen. In: the name of a secret, `file-cert:CHAIN~KEY` or `file-root:ROOTS`. Out: its files; what is in them, checked.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { AgentError, reasonOf } from '../agent-error.ts';
import { encodedSecret, secretNames, type EncodedSecret } from './secret-snapshot.ts';

export type FileSecret =
  | { readonly kind: 'certificate'; readonly chain: string; readonly key: string }
  | { readonly kind: 'roots'; readonly path: string };

/** The longest file that is read. */
const maxBytes = 1024 * 1024;

/** Undefined for any other name. */
export function parseFileSecret(name: string): FileSecret | undefined {
  if (name === secretNames.systemRoots) return undefined;
  const [, kind, rest = ''] = /^file-(cert|root):(.+)$/.exec(name) ?? [];
  if (kind === 'root') return isAbsolute(rest) ? { kind: 'roots', path: rest } : undefined;
  const [chain = '', key = '', ...more] = kind === 'cert' ? rest.split('~') : [];
  if (more.length > 0 || !isAbsolute(chain) || !isAbsolute(key)) return undefined;
  return { kind: 'certificate', chain, key };
}

/** Throws AgentError `unreadable-file` when a file is missing, holds something else, or a key and a certificate don't fit. */
export async function readFileSecret(name: string, files: FileSecret): Promise<EncodedSecret> {
  if (files.kind === 'roots') {
    const pem = certificatesOf(files.path, await textOf(files.path));
    return encodedSecret({ name, validationContext: { trustedCa: { inlineBytes: Buffer.from(pem) } } });
  }
  const [chainText, keyText] = await Promise.all([textOf(files.chain), textOf(files.key)]);
  const chain = certificatesOf(files.chain, chainText);
  if (!fits(chain, keyText)) {
    throw new AgentError('unreadable-file', `${files.key} is not the private key of the certificate in ${files.chain}`);
  }
  return encodedSecret({
    name,
    tlsCertificate: {
      certificateChain: { inlineBytes: Buffer.from(chain) },
      privateKey: { inlineBytes: Buffer.from(keyText) },
    },
  });
}

/** Of ordinary files alone: a device has no end, and a pipe may have no writer. Whoever names files may name those. */
async function textOf(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new Error('it is no ordinary file');
      // What grows meanwhile is read no further.
      const buffer = Buffer.alloc(Math.min(status.size, maxBytes) + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new AgentError('unreadable-file', `${path} can't be read: ${reasonOf(error)}`, { cause: error });
  }
}

/** Nothing of a file but its certificates goes on: whoever names files may name others. */
function certificatesOf(path: string, text: string): string {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new AgentError('unreadable-file', `${path} holds no certificate in PEM`);
  try {
    for (const pem of found) readCertificate(pem);
  } catch (error) {
    throw new AgentError('unreadable-file', `${path} holds a broken certificate: ${reasonOf(error)}`, { cause: error });
  }
  return `${found.join('\n')}\n`;
}

function readCertificate(pem: string): X509Certificate {
  return new X509Certificate(pem);
}

function fits(chainPem: string, keyPem: string): boolean {
  try {
    return readCertificate(chainPem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

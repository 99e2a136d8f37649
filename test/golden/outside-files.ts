// Files that generated clusters name, `/etc/outside/ca.pem`, `client.pem` and `client.key`, for an Envoy that is to accept them.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '../../proto/json.ts';
import { makeOutsideAuthority } from '../support/server-certificate.ts';

const directory = '/etc/outside/';

export interface WithFiles extends AsyncDisposable {
  /** The same, with the names of real files. */
  readonly bootstrap: JsonValue;
}

/** Makes the files if any is named. */
export async function withOutsideFiles(bootstrap: JsonValue): Promise<WithFiles> {
  if (!JSON.stringify(bootstrap).includes(directory)) return { bootstrap, [Symbol.asyncDispose]: async () => {} };
  await using authority = await makeOutsideAuthority();
  const { certificatePem, keyPem } = await authority.leaf('client.example.com');
  const real = await mkdtemp(join(tmpdir(), 'isthmus-golden-'));
  const files = { 'ca.pem': authority.rootPem, 'client.pem': certificatePem, 'client.key': keyPem };
  await Promise.all(Object.entries(files).map(([name, pem]) => writeFile(join(real, name), pem)));
  const moved = JSON.parse(JSON.stringify(bootstrap).replaceAll(directory, `${real}/`)) as JsonValue;
  return { bootstrap: moved, [Symbol.asyncDispose]: () => rm(real, { recursive: true, force: true }) };
}

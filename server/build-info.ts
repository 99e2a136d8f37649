// Which build this is. An image carries a `build-info.json` beside package.json; a checkout has none.

import { readFile } from 'node:fs/promises';

export interface BuildInfo {
  readonly version: string;
  /** Of the source, without dashes. */
  readonly revision: string;
  /** `Clean` when the build is exactly that revision. */
  readonly status: string;
}

/** `VERSION-REVISION-STATUS`, as `istioctl version` takes it apart. */
export function versionText({ version, revision, status }: BuildInfo): string {
  return `${version}-${revision}-${status}`;
}

/** What the file says; a part that it does not say, or says in another form, is `unknown`. */
export async function readBuildInfo(version: string, file: URL): Promise<BuildInfo> {
  const said = await readFile(file, 'utf8').then(parse, () => undefined);
  return { version, revision: word(said, 'revision'), status: word(said, 'status') };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function word(said: unknown, key: 'revision' | 'status'): string {
  const value = typeof said === 'object' && said !== null ? Reflect.get(said, key) : undefined;
  return typeof value === 'string' && /^[A-Za-z0-9._]{1,64}$/.test(value) ? value : 'unknown';
}

// The user that sidecars run as: 1337, whose traffic the redirection leaves alone. In: files that the sidecar must be able to read.
// Out: what to put before a command line so that it runs as that user.

import { run } from '../support/process.ts';

export const sidecarUid = 1337;

/**
 * A checkout, or Node itself, may lie in a home directory that only its owner can enter. There the sidecar keeps one capability, to
 * look past file permissions; everywhere else it has none.
 */
export async function sidecarCommandPrefix(files: readonly string[]): Promise<readonly string[]> {
  const plain = ['setpriv', '--reuid', `${sidecarUid}`, '--regid', `${sidecarUid}`, '--clear-groups'];
  const script = 'for file; do test -r "$file" || exit 1; done';
  const readable = await run([...plain, 'sh', '-c', script, 'sh', ...files]);
  if (readable.code === 0) return plain;
  return [...plain, '--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'];
}

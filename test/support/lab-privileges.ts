// Whether this process may make network namespaces. Root may; another user may inside a user namespace that maps a range of
// user ids (the sidecar runs as 1337), entered by starting the program again under `unshare`. Needed for that: the package
// `uidmap`, a range for the user in /etc/subuid and /etc/subgid, and a kernel that lets users make user namespaces.

import { spawnSync } from 'node:child_process';
import { run } from './process.ts';

export type LabSupport =
  | { readonly kind: 'ready' }
  /** Put `prefix` before the command line and start it again; the new process is root inside its namespace. */
  | { readonly kind: 'start-again'; readonly prefix: readonly string[] }
  | { readonly kind: 'impossible'; readonly reason: string };

// `ip netns` and iptables keep files below /run, which the user can't write: the namespace gets a /run of its own.
const userNamespacePrefix: readonly string[] = [
  'unshare',
  '--user',
  '--map-root-user',
  '--map-auto',
  '--net',
  '--mount',
].concat(['sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh']);

/** Tries it, since capabilities, seccomp and kernel settings all have a say. */
export async function labSupport(): Promise<LabSupport> {
  if (process.getuid?.() === 0) {
    const name = `isthmus-probe-${process.pid}`;
    const made = await tried(['ip', 'netns', 'add', name]);
    if (made === undefined) {
      await run(['ip', 'netns', 'delete', name]);
      return { kind: 'ready' };
    }
    return {
      kind: 'impossible',
      reason: `network namespaces can't be made although this is root: ${made}; a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN ("--privileged")`,
    };
  }
  const refused = await tried([...userNamespacePrefix, 'setpriv', '--reuid', '1337', '--clear-groups', 'true']);
  if (refused === undefined) return { kind: 'start-again', prefix: userNamespacePrefix };
  return {
    kind: 'impossible',
    reason: `separate networks need root, or user namespaces with a range of user ids, and they were refused: ${refused}; run it as root, or: install the package "uidmap", "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER", and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)`,
  };
}

/** Starts this very program again under `prefix` and returns its exit code. Signals from the terminal reach it by themselves. */
export function startAgain(prefix: readonly string[]): number {
  const [program = '', ...args] = [...prefix, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const ended = spawnSync(program, args, { stdio: 'inherit' });
  return ended.status ?? 1;
}

async function tried(argv: readonly string[]): Promise<string | undefined> {
  try {
    const result = await run(argv, { timeoutMs: 15_000 });
    return result.code === 0 ? undefined : result.stderr.trim() || `exit code ${result.code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

// The command line that runs a container: in its pod's network namespace, with a mount namespace and a root of its own (an overlay
// over this machine's files, so that nothing it writes gets out), its volumes where it mounts them, as its user, with its capabilities.
// In: what the container asks for. Out: arguments; each program replaces the one before, so that signals reach the container itself.

import { dirname, resolve } from 'node:path';
import type { V1Container, V1PodSecurityContext } from '@kubernetes/client-node';

export interface BindMount {
  /** Of this machine: a directory or a file. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerCommandOptions {
  readonly container: V1Container;
  readonly podSecurity: V1PodSecurityContext;
  /** When the container does not say. */
  readonly imageUser: number;
  /** Name of the network namespace. */
  readonly namespace: string;
  readonly hostname: string;
  /** An empty directory for its root. */
  readonly directory: string;
  readonly workingDir: string;
  readonly mounts: readonly BindMount[];
  readonly argv: readonly string[];
}

const repository = resolve(import.meta.dirname, '../../..');

/** A file that is at the root of every container and nowhere else. */
export const insideMark = '/.isthmus-container';

// A target is made and resolved inside the new root: a link on the way must not lead to this machine's files.
const script = `set -e
base=$1 name=$2 work=$3 access=$4; shift 4
hostname "$name"
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
root="$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$root"
for each in proc sys dev; do mount --rbind "/$each" "$root/$each"; done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then kind=d; else kind=f; fi
  target=$(chroot "$root" sh -ec '
    if [ -L "$1" ] && [ ! -e "$1" ]; then rm "$1"; fi
    if [ $2 = d ]; then mkdir -p "$1"; else mkdir -p "$(dirname "$1")"; [ -e "$1" ] || : > "$1"; fi
    readlink -f "$1"' sh "$2" $kind)
  mount --bind "$1" "$root$target"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$root$target"; fi
  shift 3
done
shift
: > "$root${insideMark}"
chroot "$root" mkdir -p "$work"
if [ "$access" = ro ]; then mount -o remount,ro "$root"; fi
exec chroot "$root" sh -c 'cd "$0" && exec "$@"' "$work" "$@"`;

export function containerCommand(options: ContainerCommandOptions): readonly string[] {
  const { container, namespace, hostname, directory, workingDir, argv } = options;
  // What programs of the images need of this machine is there also when it lies on a file system of its own.
  const own = [repository, dirname(process.execPath)].map((path) => ({ source: path, target: path, readOnly: true }));
  const mounts = [...own, ...options.mounts].flatMap(({ source, target, readOnly }) => [
    source,
    target,
    readOnly ? 'ro' : 'rw',
  ]);
  const access = container.securityContext?.readOnlyRootFilesystem === true ? 'ro' : 'rw';
  return ['ip', 'netns', 'exec', namespace, 'unshare', '--uts', 'sh', '-c', script, 'sh'].concat(
    [directory, hostname, workingDir, access, ...mounts, '--'],
    privileges(options),
    argv,
  );
}

/** The command line that runs something more in a container, beside its main program. */
export function commandInside(
  pid: number,
  options: ContainerCommandOptions,
  argv: readonly string[],
): readonly string[] {
  const inside = ['nsenter', '--target', String(pid), '--mount', '--net', '--uts', '--root', '--wd'];
  return [...inside, ...privileges(options), ...argv];
}

/** What container runtimes give. */
const defaultCapabilities = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'mknod',
  'audit_write',
  'setfcap',
];

export class RunAsRootError extends Error {
  override readonly name = 'RunAsRootError';
}

/** @throws RunAsRootError when it must not be root and would be. */
export function userOf({ container, podSecurity, imageUser }: ContainerCommandOptions): {
  readonly uid: number;
  readonly gid: number;
} {
  const own = container.securityContext;
  const uid = own?.runAsUser ?? podSecurity.runAsUser ?? imageUser;
  const gid = own?.runAsGroup ?? podSecurity.runAsGroup ?? (uid === imageUser ? imageUser : 0);
  if (uid === 0 && (own?.runAsNonRoot ?? podSecurity.runAsNonRoot) === true) {
    throw new RunAsRootError('container has runAsNonRoot and image will run as root');
  }
  return { uid, gid };
}

function privileges(options: ContainerCommandOptions): readonly string[] {
  const { uid, gid } = userOf(options);
  const { fsGroup } = options.podSecurity;
  const security = options.container.securityContext;
  const groups = fsGroup === undefined ? ['--clear-groups'] : ['--groups', `${fsGroup}`];
  const set = ['setpriv', '--reuid', `${uid}`, '--regid', `${gid}`, ...groups];
  if (security?.privileged !== true) {
    const { add = [], drop = [] } = security?.capabilities ?? {};
    const named = (names: readonly string[]): readonly string[] =>
      names.map((name) => name.toLowerCase().replace(/^cap_/, ''));
    const dropped = new Set(named(drop));
    const kept = dropped.has('all') ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
    const wanted = named(add).includes('all')
      ? '+all'
      : ['-all', ...[...kept, ...named(add)].map((name) => `+${name}`)].join(',');
    set.push('--bounding-set', wanted, '--inh-caps', '-all');
  }
  if (security?.allowPrivilegeEscalation === false) set.push('--no-new-privs');
  return set;
}

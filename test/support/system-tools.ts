// The system's own programs that the lab runs. In: which ones are needed. Out: nothing, once all are there; as root the missing
// ones are installed with the system's package manager, otherwise the error is the exact command to run.

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runOrThrow } from './process.ts';

export type SystemTool = 'ip' | 'iptables' | 'iptables-restore' | 'ip6tables-restore' | 'curl' | 'setpriv' | 'tcpdump';

type PackageManager = {
  readonly program: string;
  readonly refresh?: readonly string[];
  readonly install: readonly string[];
  readonly packages: Readonly<Record<SystemTool, string>>;
};

const common = {
  iptables: 'iptables',
  'iptables-restore': 'iptables',
  'ip6tables-restore': 'iptables',
  curl: 'curl',
  setpriv: 'util-linux',
  tcpdump: 'tcpdump',
} as const;

const packageManagers: readonly PackageManager[] = [
  {
    program: 'apt-get',
    refresh: ['apt-get', 'update'],
    install: ['apt-get', 'install', '-y', '--no-install-recommends'],
    packages: { ...common, ip: 'iproute2' },
  },
  {
    program: 'dnf',
    install: ['dnf', 'install', '-y'],
    packages: { ...common, ip: 'iproute' },
  },
  { program: 'microdnf', install: ['microdnf', 'install', '-y'], packages: { ...common, ip: 'iproute' } },
  { program: 'yum', install: ['yum', 'install', '-y'], packages: { ...common, ip: 'iproute' } },
  {
    program: 'apk',
    install: ['apk', 'add', '--no-cache'],
    packages: { ...common, ip: 'iproute2', 'ip6tables-restore': 'ip6tables', setpriv: 'setpriv' },
  },
  { program: 'zypper', install: ['zypper', '--non-interactive', 'install'], packages: { ...common, ip: 'iproute2' } },
  { program: 'pacman', install: ['pacman', '-Sy', '--noconfirm'], packages: { ...common, ip: 'iproute2' } },
];

/** What every lab needs. `tcpdump` comes on top for captures. */
export const labTools: readonly SystemTool[] = ['ip', 'iptables', 'iptables-restore', 'curl', 'setpriv'];

/** Returns once every tool is there. Throws an error that says what is missing and the command that brings it. */
export async function ensureSystemTools(
  tools: readonly SystemTool[],
  options: { readonly onProgress?: (text: string) => void } = {},
): Promise<void> {
  const missing = await missingTools(tools);
  if (missing.length === 0) return;
  const names = missing.join(', ');
  const commands = await commandsHere(missing);
  if (commands === undefined) {
    throw new Error(`${names} missing, and no known package manager is on this machine: install them and try again`);
  }
  const text = commands.map((command) => command.join(' ')).join(' && ');
  if (process.getuid?.() !== 0) throw new Error(`${names} missing; run as root: ${text}`);
  options.onProgress?.(`${names} missing; running: ${text}`);
  for (const command of commands) {
    await runOrThrow(command, { timeoutMs: 300_000, env: { DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const still = await missingTools(tools);
  if (still.length > 0) throw new Error(`${still.join(', ')} still missing after: ${text}`);
}

/** The tools of the list that are not on the PATH (or in the system directories that a user's PATH often lacks). */
export async function missingTools(tools: readonly SystemTool[]): Promise<readonly SystemTool[]> {
  const found = await Promise.all(tools.map((tool) => onPath(tool)));
  return tools.filter((_tool, index) => found[index] === false);
}

/** The commands that bring tools by a package manager, in order; undefined for a package manager that is not known. */
export function installCommands(
  packageManager: string,
  tools: readonly SystemTool[],
): readonly (readonly string[])[] | undefined {
  const found = packageManagers.find(({ program }) => program === packageManager);
  if (found === undefined) return undefined;
  const command = [...found.install, ...new Set(tools.map((tool) => found.packages[tool]))];
  return found.refresh === undefined ? [command] : [found.refresh, command];
}

async function commandsHere(tools: readonly SystemTool[]): Promise<readonly (readonly string[])[] | undefined> {
  for (const { program } of packageManagers) {
    if (await onPath(program)) return installCommands(program, tools);
  }
  return undefined;
}

async function onPath(program: string): Promise<boolean> {
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    if (directory === '') continue;
    const there = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return true;
  }
  return false;
}

// Runs one of the system's programs to its end. In: its command line and input. Out: what it printed; an AgentError in one sentence when
// it is missing, not permitted, or refuses.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { AgentError, reasonOf } from '../agent-error.ts';

/** Throws AgentError `program-missing`, `not-permitted` or `interception-failed`. */
export async function runProgram(argv: readonly string[], input = ''): Promise<string> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  child.stdin.on('error', () => {}); // It may end before it has read all; its exit code tells.
  child.stdin.end(input);
  try {
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (code === 0) return stdout;
    throw refusal(argv, oneLine(stderr) || `exit code ${code}`);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    if (!isMissing(error))
      throw new AgentError('interception-failed', `"${program}": ${reasonOf(error)}`, { cause: error });
    const what = program === 'ip' ? 'iproute2' : 'iptables';
    const message = `the program "${program}" is missing: install the package ${what}, or take an image that has it`;
    throw new AgentError('program-missing', message, { cause: error });
  }
}

const netAdmin = 1n << 12n; // Of capabilities(7).

/** Throws AgentError `not-permitted` without CAP_NET_ADMIN: the programs themselves do not always know why they fail. */
export async function requireNetAdmin(): Promise<void> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  if (effective !== undefined && (BigInt(`0x${effective}`) & netAdmin) === 0n) {
    throw notPermitted('this process has no CAP_NET_ADMIN');
  }
}

function notPermitted(why: string): AgentError {
  const remedy =
    'run it as root with the capabilities NET_ADMIN and NET_RAW (securityContext.capabilities.add), or let a CNI plugin set the rules';
  return new AgentError('not-permitted', `changing the packet filter is not permitted here: ${remedy} (${why})`);
}

function refusal(argv: readonly string[], words: string): AgentError {
  const sentence = `"${argv.join(' ')}": ${words}`;
  if (!/permission denied|not permitted|you must be root/i.test(words)) {
    return new AgentError('interception-failed', sentence);
  }
  return notPermitted(sentence);
}

function oneLine(words: string): string {
  return words
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('# '))
    .join('; ');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

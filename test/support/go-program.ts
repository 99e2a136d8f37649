// A program of the tests that is built from Go modules, once, into `.cache/`. In: which package of which module. Out: its path.
// Several processes that need it at the same time build it once.

import { constants } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run, runOrThrow } from './process.ts';

export interface GoProgram {
  /** Of the file in `.cache/`; another version has another name. */
  readonly name: string;
  /** Where its go.mod is. */
  readonly directory: string;
  /** Path of the package to build. */
  readonly package: string;
  /** Absolute path of the go.mod to build it with, go.sum beside it; default: that of the directory. */
  readonly modFile?: string | undefined;
  /** What string variables of its packages are set to, by their full names. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** For whoever waits: `ten minutes`. */
  readonly takes: string;
  /** What to do when it can't be built. */
  readonly advice: string;
}

const cacheDirectory = resolve(import.meta.dirname, '../../.cache');

/** Its path, after it was built if need be. */
export async function goProgram(program: GoProgram): Promise<string> {
  const path = pathOf(program);
  if (!(await isExecutable(path))) await build(program);
  return path;
}

/** Whether it is there, or there is a Go to build it with. */
export async function canHaveGoProgram(program: GoProgram): Promise<boolean> {
  if (await isExecutable(pathOf(program))) return true;
  const go = await run(['go', 'version']).catch(() => undefined);
  return go?.code === 0;
}

export async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Where it is, or will be. */
export function pathOf({ name }: Pick<GoProgram, 'name'>): string {
  return join(cacheDirectory, name);
}

/** Beside its place first, then renamed; a second process waits for the first instead of building as well. */
async function build(program: GoProgram): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  const path = pathOf(program);
  const lock = `${path}.lock`;
  const held = await open(lock, 'wx').catch(() => undefined);
  if (held === undefined) {
    await waitForBuild(program, lock);
    return;
  }
  const fresh = `${path}.tmp-${process.pid}`;
  try {
    await held.write(String(process.pid));
    console.warn(`${path} is being built (once, about ${program.takes})`);
    const command = ['nice', '-n', '19', 'go', 'build', '-C', program.directory, '-trimpath'];
    const variables = Object.entries(program.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
    const flags = [`-ldflags=${['-s -w', ...variables].join(' ')}`];
    if (program.modFile !== undefined) flags.push(`-modfile=${program.modFile}`);
    await runOrThrow([...command, ...flags, '-o', fresh, program.package], { timeoutMs: 3_600_000 });
    await rename(fresh, path);
  } catch (error) {
    throw new Error(`${program.name} can't be built; ${program.advice}`, { cause: error });
  } finally {
    await held.close();
    await rm(lock, { force: true });
    await rm(fresh, { force: true });
  }
}

async function waitForBuild(program: GoProgram, lock: string): Promise<void> {
  while (!(await isExecutable(pathOf(program)))) {
    const pid = Number(await readFile(lock, 'utf8').catch(() => '0'));
    const age = await stat(lock).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => Infinity,
    );
    if ((pid > 0 && !isRunning(pid)) || age > 3_600_000) {
      // Its builder is gone.
      await rm(lock, { force: true });
      await build(program);
      return;
    }
    await delay(1_000);
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

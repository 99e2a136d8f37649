// What a Dockerfile puts into its image, made without a container engine: the instructions that ours uses, carried out in a
// directory. In: the repository. Out: a directory that stands for the root of the image, and how it starts.

import { cp, mkdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { runOrThrow } from './process.ts';

export interface BuiltImage {
  /** What is `/` in the image. */
  readonly root: string;
  readonly workDirectory: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly exposed: readonly number[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

interface Stage {
  readonly name: string;
  readonly root: string;
  workDirectory: string;
  user: string;
  readonly environment: Record<string, string>;
  /** Of `ARG`: known to `RUN` only. */
  readonly buildArguments: Record<string, string>;
  readonly exposed: number[];
  entrypoint: readonly string[];
  command: readonly string[];
}

/** Carries out `repository/Dockerfile` under `directory`. Throws on an instruction that it does not know. */
export async function buildImage(repository: string, directory: string): Promise<BuiltImage> {
  const ignored = (await readFile(join(repository, '.dockerignore'), 'utf8')).split('\n').filter((line) => line !== '');
  const stages: Stage[] = [];
  for (const [word, rest] of await instructions(join(repository, 'Dockerfile'))) {
    if (word === 'FROM') {
      const name = / AS (\S+)$/.exec(rest)?.[1] ?? String(stages.length);
      stages.push(await newStage(name, directory));
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${word} comes before FROM`);
    await carryOut(word, rest, { stage, stages, repository, ignored });
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error('the Dockerfile has no stage');
  return last;
}

async function instructions(file: string): Promise<readonly (readonly [string, string])[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const space = line.indexOf(' ');
    return [line.slice(0, space), line.slice(space + 1)] as const;
  });
}

async function newStage(name: string, directory: string): Promise<Stage> {
  const root = join(directory, name);
  await mkdir(root, { recursive: true });
  return {
    name,
    root,
    workDirectory: '/',
    user: 'root',
    environment: {},
    buildArguments: {},
    exposed: [],
    entrypoint: [],
    command: [],
  };
}

interface Surroundings {
  readonly stage: Stage;
  readonly stages: readonly Stage[];
  readonly repository: string;
  readonly ignored: readonly string[];
}

async function carryOut(
  word: string,
  rest: string,
  { stage, stages, repository, ignored }: Surroundings,
): Promise<void> {
  const inside = (path: string): string => join(stage.root, resolve(stage.workDirectory, path));
  switch (word) {
    case 'WORKDIR':
      stage.workDirectory = rest;
      await mkdir(inside('.'), { recursive: true });
      return;
    case 'USER':
      stage.user = rest;
      return;
    case 'ENV': {
      const [name = '', value = ''] = rest.split('=');
      stage.environment[name] = value;
      return;
    }
    case 'ARG': {
      const [name = '', value = ''] = rest.split('=');
      stage.buildArguments[name] = value;
      return;
    }
    case 'EXPOSE':
      stage.exposed.push(...rest.split(' ').map(Number));
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = JSON.parse(rest) as readonly string[];
      return;
    case 'CMD':
      stage.command = JSON.parse(rest) as readonly string[];
      return;
    case 'RUN':
      // Packages of the image's distribution are not put onto this machine.
      if (rest.startsWith('apt-get ')) return;
      await runOrThrow(['sh', '-c', rest], {
        cwd: inside('.'),
        timeoutMs: 600_000,
        env: { ...stage.buildArguments, ...stage.environment },
      });
      return;
    case 'COPY': {
      const words = rest.split(' ');
      const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1];
      const other = stages.find(({ name }) => name === from);
      if (from !== undefined && other === undefined) throw new Error(`there is no stage ${from}`);
      const [target = '', ...sources] = words.slice(from === undefined ? 0 : 1).toReversed();
      for (const source of sources) {
        const isIgnored = from === undefined && ignored.includes(source);
        if (isIgnored) throw new Error(`${source} is in .dockerignore: COPY would not find it`);
        await copy(join(other?.root ?? repository, source), inside(target), target.endsWith('/'));
      }
      return;
    }
    default:
      throw new Error(`the Dockerfile has an instruction that is not known here: ${word}`);
  }
}

/** A folder's content goes into the target, a file becomes it or goes into it. */
async function copy(source: string, target: string, isFolder: boolean): Promise<void> {
  const intoFolder = isFolder && !(await stat(source)).isDirectory();
  await cp(source, intoFolder ? join(target, basename(source)) : target, { recursive: true, verbatimSymlinks: true });
}

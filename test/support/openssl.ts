// The `openssl` of the machine, as an independent judge of what we make; files go to a folder that goes with the test.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export class Openssl implements AsyncDisposable {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<Openssl> {
    return new Openssl(await mkdtemp(join(tmpdir(), 'isthmus-openssl-')));
  }

  /** Runs a sub-command in the folder; its output, or an error with what it said. */
  async run(...args: string[]): Promise<string> {
    const { stdout } = await run('openssl', args, { cwd: this.dir });
    return stdout;
  }

  /** Writes files by name into the folder. */
  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    await Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(this.dir, name), content)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

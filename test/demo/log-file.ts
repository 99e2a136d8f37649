// Where a program's lines go so that they can be read after it ended. In: a file's path. Out: `write` for each line.

import { appendFileSync, writeFileSync } from 'node:fs';

export class LogFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    writeFileSync(path, '', { mode: 0o644 });
  }

  // At once, not through a stream: the last lines before a crash are the ones that matter.
  write(line: string): void {
    appendFileSync(this.path, `${line}\n`);
  }
}

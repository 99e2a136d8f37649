// The file of a cluster for a source that is to replace the one which keeps it: nothing is read from it, since the other source
// has told that, and nothing written before the other has ended. Two writers would undo each other's work.

import type { PackedContent } from './packed-lines.ts';
import { SnapshotFile, type SnapshotReading } from './snapshot-file.ts';

export class LaterSnapshotFile extends SnapshotFile {
  #isOurs = false;
  #isWritten = false;

  /** The earlier source has ended. The file is written as a whole the next time it would be marked as still true. */
  takeOver(): void {
    this.#isOurs = true;
  }

  override read(): Promise<SnapshotReading> {
    return Promise.resolve({ kind: 'none' });
  }

  override async write(content: PackedContent, asOfMs: number): Promise<void> {
    if (!this.#isOurs) return;
    await super.write(content, asOfMs);
    this.#isWritten = true;
  }

  override async touch(asOfMs: number): Promise<boolean> {
    return this.#isOurs ? this.#isWritten && (await super.touch(asOfMs)) : true;
  }
}

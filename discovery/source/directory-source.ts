// A directory of Kubernetes YAML as a source of objects, followed while it changes. Additions and changes are told at once;
// what disappears is told only when it is still gone a moment later, because editors, atomic renames and swapped links make
// files vanish for an instant. A directory that goes away is an outage, not a deletion.

import { watch, type FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ObjectKey } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import type { Source, SourceBatch, SourceEvent, SourceScope } from '../model/source-event.ts';
import { readTree, type Tree, type TreeFile } from './directory-tree.ts';
import { emptyFile, keepWholeFile, readObjectFile, type FileObject, type ObjectFile } from './object-file.ts';

export interface DirectorySourceOptions {
  readonly directory: string;
  readonly scope: SourceScope;
  /** How often everything is looked at again, whatever the file system told. */
  readonly rescanMs?: number | undefined;
  /** How long something must be gone before it counts as deleted. */
  readonly removalGraceMs?: number | undefined;
  /** Larger files are refused. */
  readonly maxFileBytes?: number | undefined;
}

interface FileRecord {
  readonly signature: string;
  readonly content: ObjectFile;
}

/** After a notification the writer gets this long to finish; a file that changed this recently is read again. */
const settleMs = 20;

export class DirectorySource implements Source {
  readonly description: string;
  readonly scope: SourceScope;
  readonly #directory: string;
  readonly #rescanMs: number;
  readonly #removalGraceMs: number;
  readonly #maxFileBytes: number;
  readonly #watchers = new Map<string, FSWatcher>();
  #entered = new Set<string>();
  #notified = false;
  #interrupt: () => void = () => undefined;
  #files = new Map<string, FileRecord>();
  #told = new Map<ObjectKey, FileObject>();
  #goneSince = new Map<ObjectKey, number>();
  #unsettled = false;
  #problems: readonly Problem[] | undefined;
  #connected: boolean | undefined;
  #synced = false;
  #reason = '';

  constructor(options: DirectorySourceOptions) {
    this.#directory = path.resolve(options.directory);
    this.description = this.#directory;
    this.scope = options.scope;
    this.#rescanMs = options.rescanMs ?? 2_000;
    this.#removalGraceMs = options.removalGraceMs ?? 250;
    this.#maxFileBytes = options.maxFileBytes ?? 16 * 1024 * 1024;
  }

  async run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void> {
    // A new run is a new generation: everything is told again.
    this.#told = new Map();
    this.#goneSince = new Map();
    this.#problems = undefined;
    this.#connected = undefined;
    this.#synced = false;
    try {
      while (!signal.aborted) {
        // Cleared before the scan, so that nothing that happens during it is missed.
        this.#notified = false;
        const batch = await this.#scan();
        if (signal.aborted) break;
        if (batch.length > 0) deliver(batch);
        await this.#rest(signal);
      }
    } finally {
      for (const watcher of this.#watchers.values()) watcher.close();
      this.#watchers.clear();
    }
  }

  /** Sleeps until something was notified, something gone must be looked at again, or the next full look is due. */
  async #rest(signal: AbortSignal): Promise<void> {
    const waitMs = this.#unsettled ? settleMs * 2 : this.#goneSince.size > 0 ? this.#removalGraceMs : this.#rescanMs;
    if (!this.#notified) await this.#pause(waitMs, signal);
    if (this.#notified) await this.#pause(settleMs, signal);
  }

  /** Resolves after a time, at the next notification, or when aborted; leaves no timer or listener behind. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const wasNotified = this.#notified;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#interrupt = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      if (!wasNotified) this.#interrupt = done;
    });
  }

  #wake(): void {
    this.#notified = true;
    this.#interrupt();
  }

  async #scan(): Promise<SourceEvent[]> {
    this.#entered = new Set();
    let tree: Tree;
    try {
      tree = await readTree(this.#directory, (folder) => this.#watch(folder));
    } catch (error) {
      return this.#disconnect(`the directory ${this.#directory} can't be read: ${describe(error)}`);
    }
    this.#unwatchOthers();
    const events: SourceEvent[] = [];
    if (this.#connected !== true) events.push({ kind: 'connected' });
    this.#connected = true;
    await this.#readFiles(tree);
    this.#tell(tree, events);
    if (!this.#synced) events.push({ kind: 'synced' });
    this.#synced = true;
    return events;
  }

  #disconnect(reason: string): SourceEvent[] {
    this.#watchParent();
    if (this.#connected === false && this.#reason === reason) return [];
    this.#connected = false;
    this.#reason = reason;
    return [{ kind: 'disconnected', reason }];
  }

  async #readFiles(tree: Tree): Promise<void> {
    const files = new Map<string, FileRecord>();
    this.#unsettled = false;
    for (const file of tree.files) {
      const before = this.#files.get(file.place);
      files.set(
        file.place,
        before?.signature === file.signature ? before : await this.#readFile(file, before?.content),
      );
    }
    for (const [place, record] of this.#files) {
      const hidden = tree.unreadable.some((folder) => place === folder || place.startsWith(`${folder}/`));
      if (hidden && !files.has(place)) files.set(place, record);
    }
    this.#files = files;
  }

  async #readFile(file: TreeFile, before: ObjectFile = emptyFile): Promise<FileRecord> {
    // A write in the same tick of the file system's clock would not show in the signature.
    const isSettled = Math.abs(Date.now() - file.modifiedAtMs) > settleMs;
    if (!isSettled) this.#unsettled = true;
    const signature = isSettled ? file.signature : '';
    if (file.size > this.#maxFileBytes) {
      const reason = `has ${file.size} bytes, more than ${this.#maxFileBytes}: split it`;
      return { signature, content: keepWholeFile(file.place, 'file-too-large', reason, before) };
    }
    try {
      const bytes = await readFile(file.absolute);
      return { signature, content: readObjectFile(file.place, bytes, this.scope, before) };
    } catch (error) {
      const reason = `can't be read (${describe(error)}): make it readable`;
      return { signature: '', content: keepWholeFile(file.place, 'unreadable', reason, before) };
    }
  }

  #tell(tree: Tree, events: SourceEvent[]): void {
    const problems: Problem[] = [...tree.problems];
    const present = this.#claims(problems);
    for (const [key, file] of present) {
      this.#goneSince.delete(key);
      if (this.#told.get(key)?.digest === file.digest) continue;
      this.#told.set(key, file);
      events.push({ kind: 'changed', object: file.object });
    }
    const now = performance.now();
    for (const key of this.#told.keys()) {
      if (present.has(key)) continue;
      const since = this.#goneSince.get(key) ?? now;
      this.#goneSince.set(key, since);
      if (now - since < this.#removalGraceMs) continue;
      this.#told.delete(key);
      this.#goneSince.delete(key);
      events.push({ kind: 'deleted', key });
    }
    if (this.#problems !== undefined && isDeepStrictEqual(this.#problems, problems)) return;
    if (this.#problems !== undefined || problems.length > 0) events.push({ kind: 'problems', problems });
    this.#problems = problems;
  }

  /** Which file an object is taken from: the first in path order, but a readable one before a broken one's last good content. */
  #claims(problems: Problem[]): Map<ObjectKey, FileObject> {
    const claims = new Map<ObjectKey, FileObject>();
    for (const { content } of this.#files.values()) {
      problems.push(...content.problems);
      for (const file of content.fresh) {
        const winner = claims.get(file.key);
        if (winner === undefined) claims.set(file.key, file);
        else problems.push(duplicateProblem(file, winner));
      }
    }
    for (const { content } of this.#files.values()) {
      for (const file of content.kept) if (!claims.has(file.key)) claims.set(file.key, file);
    }
    return claims;
  }

  #watch(folder: string): void {
    this.#entered.add(folder);
    if (this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#wake());
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
        this.#wake();
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // Without a notification (no watches left, a file system without them) the periodic look finds the change.
    }
  }

  #unwatchOthers(): void {
    for (const [folder, watcher] of this.#watchers) {
      if (this.#entered.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
  }

  /** While the directory is missing, its parent tells when it appears. */
  #watchParent(): void {
    this.#entered = new Set();
    const parent = path.dirname(this.#directory);
    this.#watch(parent);
    this.#unwatchOthers();
  }
}

function placeOf({ object }: FileObject): string {
  return `${object.origin?.place ?? ''}:${object.origin?.line ?? 0}`;
}

function duplicateProblem(loser: FileObject, winner: FileObject): Problem {
  const { origin } = loser.object;
  return {
    severity: 'warning',
    code: 'duplicate-object',
    object: loser.key,
    ...(origin === undefined ? {} : { origin }),
    message: `${loser.key} is declared at ${placeOf(winner)} as well, which is taken; the one at ${placeOf(loser)} has no effect: remove one.`,
  };
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'ENOTDIR') return 'it is not a directory';
  return code === '' ? String(error) : code;
}

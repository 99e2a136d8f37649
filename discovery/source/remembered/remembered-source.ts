// A source that remembers. In: any source and a file. First it tells what the file holds, marked as remembered; then what the
// source tells, and at the source's first `synced` it deletes what was remembered and is not there any more. Meanwhile it keeps
// the file current: a moment after changes, never while the source has not told everything, and once more when it stops.

import { keyOf } from '../../model/kubernetes-object.ts';
import type { ObjectKey } from '../../model/names.ts';
import type { Problem } from '../../model/problem.ts';
import type { Source, SourceBatch, SourceEvent, SourceScope } from '../../model/source-event.ts';
import type { Clock } from '../kube/clock.ts';
import { ObjectMemory } from './object-memory.ts';
import { describe, type SnapshotFile, type SnapshotReading } from './snapshot-file.ts';

export interface RememberedSourceOptions {
  readonly source: Source;
  readonly file: SnapshotFile;
  readonly clock: Clock;
  /** Changes that come within this time are written together. */
  readonly writeEveryMs?: number | undefined;
  /** How often a file that needs no change is marked as still true. */
  readonly touchEveryMs?: number | undefined;
  /** A cluster whose objects are larger than this together is not remembered. */
  readonly maxBytes?: number | undefined;
}

/** Writing takes at most this share of the time: the pause after a write is so many times as long as the write. */
const pauseFactor = 20;
/** After a failed write. */
const retryMs = 30_000;

export class RememberedSource implements Source {
  readonly description: string;
  readonly scope: SourceScope;
  readonly #options: RememberedSourceOptions;
  readonly #writeEveryMs: number;
  readonly #touchEveryMs: number;
  readonly #maxBytes: number;
  #tell: (batch: SourceBatch) => void = () => undefined;
  readonly #memory = new ObjectMemory();
  /** Remembered, and not told by the source yet. */
  #unseen = new Set<ObjectKey>();
  #synced = false;
  /** When what is known was last known to be so; undefined: now. */
  #asOfMs: number | undefined;
  #dirty = false;
  #wake: () => void = () => undefined;
  #sourceProblems: readonly Problem[] = [];
  #ownProblem: Problem | undefined;

  constructor(options: RememberedSourceOptions) {
    this.#options = options;
    this.description = options.source.description;
    this.scope = options.source.scope;
    this.#writeEveryMs = options.writeEveryMs ?? 3_000;
    this.#touchEveryMs = options.touchEveryMs ?? 30_000;
    this.#maxBytes = options.maxBytes ?? 256 * 1024 * 1024;
  }

  async run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void> {
    this.#tell = (batch) => {
      if (!signal.aborted) deliver(batch);
    };
    this.#begin();
    const reading = await this.#options.file.read(this.#options.clock.now());
    if (signal.aborted) return;
    this.#recall(reading);
    const ended = new AbortController();
    const keeping = this.#keep(AbortSignal.any([signal, ended.signal]));
    try {
      await this.#options.source.run((batch) => this.#tell(this.#follow(batch)), signal);
    } finally {
      ended.abort();
      await keeping;
    }
  }

  /** A new run is a new generation: everything is told again. */
  #begin(): void {
    this.#memory.clear();
    this.#unseen = new Set();
    this.#synced = false;
    this.#asOfMs = undefined;
    this.#dirty = false;
    this.#sourceProblems = [];
    this.#ownProblem = undefined;
  }

  #recall(reading: SnapshotReading): void {
    const { file } = this.#options;
    // Even a cluster without objects is known once it has been read.
    this.#dirty = true;
    if (reading.kind === 'read') {
      const keys = reading.objects.map((object) => keyOf(object));
      this.#memory.restore(reading.content, keys);
      this.#unseen = new Set(keys);
      const events = reading.objects.map((object): SourceEvent => ({ kind: 'changed', object }));
      this.#dirty = false;
      this.#tell([{ kind: 'remembered', asOfMs: reading.asOfMs }, ...events]);
    } else if (reading.kind === 'damaged') {
      const where = reading.setAside === undefined ? '' : ` It was set aside as ${reading.setAside}.`;
      this.#report(
        'snapshot-damaged',
        `the snapshot ${file.path} is not used: ${reading.reason}.${where} The cluster is known once it has been read.`,
      );
    } else if (reading.kind === 'unreadable') {
      this.#report(
        'snapshot-unreadable',
        `the snapshot ${file.path} can't be read (${reading.reason}): correct that, or the next start during an outage has nothing to serve.`,
      );
    }
  }

  /** What the source told, with what follows from it. */
  #follow(batch: SourceBatch): SourceBatch {
    const events: SourceEvent[] = [];
    for (const event of batch) {
      if (event.kind === 'synced') events.push(...this.#compare());
      events.push(event.kind === 'problems' ? { kind: 'problems', problems: this.#withOwn(event.problems) } : event);
      this.#note(event);
    }
    return events;
  }

  /** Everything that exists was told: what was remembered and not told is gone. */
  #compare(): readonly SourceEvent[] {
    const gone = [...this.#unseen].map((key): SourceEvent => ({ kind: 'deleted', key }));
    for (const key of this.#unseen) this.#forget(key);
    this.#unseen.clear();
    return gone;
  }

  #note(event: SourceEvent): void {
    switch (event.kind) {
      case 'changed':
        this.#unseen.delete(keyOf(event.object));
        if (this.#memory.note(event.object)) this.#dirty = true;
        return this.#noted();
      case 'deleted':
        return this.#forget(event.key);
      case 'synced':
        this.#synced = true;
        return this.#wake();
      case 'connected':
        this.#asOfMs = undefined;
        return undefined;
      case 'disconnected':
        this.#asOfMs ??= this.#options.clock.now();
        return undefined;
      case 'problems':
      case 'remembered':
        return undefined;
    }
  }

  #forget(key: ObjectKey): void {
    if (this.#memory.forget(key)) this.#dirty = true;
    this.#noted();
  }

  #noted(): void {
    if (this.#synced) this.#wake();
  }

  /** Whether what is remembered may differ from the file. */
  get #mayDiffer(): boolean {
    return this.#dirty || this.#memory.isWaiting;
  }

  /** Resolves to the time at which all that is packed then was so, though changes may have come since. */
  async #packWaiting(signal: AbortSignal): Promise<number> {
    const beganAtMs = this.#options.clock.now();
    if (await this.#memory.packWaiting(signal)) this.#dirty = true;
    return Math.min(beganAtMs, this.#asOfMs ?? beganAtMs);
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await this.#untilNeeded(signal);
      // The burst that a change belongs to is written as one.
      await clock.sleep(this.#writeEveryMs, signal);
      const asOfMs = await this.#packWaiting(signal);
      const startedAtMs = clock.now();
      const saved = await this.#save(asOfMs);
      const pauseMs = saved ? pauseFactor * (clock.now() - startedAtMs) : retryMs;
      await clock.sleep(pauseMs, signal);
    }
    // The process ends, and with it what is known; the file should say until when that was so.
    await this.#save(await this.#packWaiting(signal));
  }

  /** Resolves at the next change, when the file must be marked as still true, or when aborted. */
  async #untilNeeded(signal: AbortSignal): Promise<void> {
    if (this.#synced && this.#mayDiffer) return;
    const woken = new AbortController();
    this.#wake = () => {
      if (this.#mayDiffer) woken.abort();
    };
    await this.#options.clock.sleep(this.#touchEveryMs, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => undefined;
  }

  /** Whether the file is right now. Before everything was told the file stays as it is: it knows more. */
  async #save(asOfMs: number): Promise<boolean> {
    if (!this.#synced) return true;
    const { file } = this.#options;
    if (this.#memory.length > this.#maxBytes) {
      const size = Math.ceil(this.#memory.length / 1024 / 1024);
      this.#report(
        'snapshot-too-large',
        `the objects of the cluster (${size} MiB) are not remembered in ${file.path}: more than ${Math.floor(this.#maxBytes / 1024 / 1024)} MiB are not written; read fewer namespaces of it.`,
      );
      return false;
    }
    const wasDirty = this.#dirty;
    this.#dirty = false;
    try {
      if (wasDirty || !(await file.touch(asOfMs))) await file.write(this.#memory.content(), asOfMs);
    } catch (error) {
      this.#dirty ||= wasDirty;
      this.#report(
        'snapshot-not-written',
        `${file.path} can't be written (${describe(error)}): what was written last stays, and an instance that starts during an outage serves that.`,
      );
      return false;
    }
    if (wasDirty) this.#report(undefined);
    return true;
  }

  #report(code: undefined): void;
  #report(code: string, message: string): void;
  #report(code: string | undefined, message = ''): void {
    const before = this.#ownProblem;
    this.#ownProblem = code === undefined ? undefined : { severity: 'warning', code, message };
    if (before?.message === this.#ownProblem?.message) return;
    this.#tell([{ kind: 'problems', problems: this.#withOwn(this.#sourceProblems) }]);
  }

  #withOwn(problems: readonly Problem[]): readonly Problem[] {
    this.#sourceProblems = problems;
    return this.#ownProblem === undefined ? problems : [...problems, this.#ownProblem];
  }
}

// The last known good objects of one cluster as a file: a header, one object a line, packed, and a checksum over all of it. Written
// whole or not at all; checked when it is read; one that is damaged, or another cluster's, is set aside and never used.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { isMapping } from '../../convert/field-reader.ts';
import type { KubernetesObject } from '../../model/kubernetes-object.ts';
import { clusterId, type ClusterId } from '../../model/names.ts';
import type { SourceScope } from '../../model/source-event.ts';
import { objectOfLine } from './memorable-object.ts';
import { unpackLine, type PackedContent, type PackedLine } from './packed-lines.ts';

/** Of this layout and of the objects' shape: another number is not read. */
export const snapshotVersion = 2;
const format = 'isthmus-cluster-snapshot';
const maxDamagedFiles = 3;
/** Lines are joined to pieces of this many characters: each is one write, and other work runs between two of them. */
const pieceLength = 32 * 1024;

export interface SnapshotFileOptions {
  readonly directory: string;
  readonly clusterId: ClusterId;
  readonly scope: SourceScope;
}

export interface RememberedObjects {
  readonly objects: readonly KubernetesObject[];
  /** Its lines are those of the objects. */
  readonly content: PackedContent;
}

export type SnapshotReading =
  | { readonly kind: 'none' }
  | ({ readonly kind: 'read'; readonly asOfMs: number } & RememberedObjects)
  /** It was renamed to `setAside`; undefined when even that failed. */
  | { readonly kind: 'damaged'; readonly reason: string; readonly setAside: string | undefined }
  /** It can't be read now; it stays where it is. */
  | { readonly kind: 'unreadable'; readonly reason: string };

export class SnapshotFile {
  readonly path: string;
  readonly #options: SnapshotFileOptions;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
    this.path = path.join(options.directory, `cluster-${encodeURIComponent(options.clusterId)}.snapshot`);
  }

  /** @param nowMs nothing is newer than this, whatever the clock said when it was written */
  async read(nowMs: number): Promise<SnapshotReading> {
    try {
      const bytes = await readFile(this.path);
      const parsed = this.#parse(bytes);
      if (typeof parsed === 'string') return await this.#setAside(parsed, nowMs);
      const { mtimeMs } = await stat(this.path);
      const { savedAtMs, objects, content } = parsed;
      return { kind: 'read', asOfMs: Math.floor(Math.min(nowMs, Math.max(savedAtMs, mtimeMs))), objects, content };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return { kind: 'none' };
      return { kind: 'unreadable', reason: describe(error) };
    }
  }

  /** Replaces the file. Rejects when it can't; what was there before then stays. */
  async write({ dictionaries, lines }: PackedContent, asOfMs: number): Promise<void> {
    const { directory, clusterId, scope } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const beside = `${this.path}.${randomUUID()}.new`;
    try {
      // Closed before it is renamed.
      {
        await using file = await open(beside, 'wx', 0o600);
        const checksum = createHash('sha256');
        const put = async (piece: string): Promise<void> => {
          checksum.update(piece);
          await file.writeFile(piece);
        };
        const savedAt = new Date(asOfMs).toISOString();
        const texts = Array.from(dictionaries, ([kind, line]) => [kind, line.toString()] as const);
        const header = { format, version: snapshotVersion, clusterId, scope, savedAt, objects: lines.length };
        await put(`${JSON.stringify({ ...header, dictionaries: Object.fromEntries(texts) })}\n`);
        for (const piece of piecesOf(lines)) await put(piece);
        await file.writeFile(`${JSON.stringify({ sha256: checksum.digest('hex') })}\n`);
        await file.utimes(asOfMs / 1000, asOfMs / 1000);
        await file.sync();
      }
      await rename(beside, this.path);
      await syncFolder(directory);
    } finally {
      await rm(beside, { force: true });
    }
  }

  /** Says that what the file holds was still so at `asOfMs`. False when there is no file. */
  async touch(asOfMs: number): Promise<boolean> {
    try {
      await utimes(this.path, asOfMs / 1000, asOfMs / 1000);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** The cluster is not to be remembered any more. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** The content, or what is wrong with it. */
  #parse(bytes: Buffer): ({ readonly savedAtMs: number } & RememberedObjects) | string {
    const end = bytes.lastIndexOf(newline, bytes.length - 2) + 1;
    const trailer = parseMapping(bytes.toString('utf8', end));
    const checksum = trailer?.['sha256'];
    if (end === 0 || bytes.at(-1) !== newline || typeof checksum !== 'string') return 'it is cut off';
    const body = bytes.subarray(0, end);
    if (createHash('sha256').update(body).digest('hex') !== checksum) return 'its checksum does not match its content';
    const [first = '', ...lines] = linesOf(body);
    const header = parseMapping(first);
    if (header?.['format'] !== format) return 'it is not a snapshot of a cluster';
    if (header['version'] !== snapshotVersion) {
      return `it has version ${String(header['version'])}, and this program reads version ${snapshotVersion}`;
    }
    const { clusterId, scope } = this.#options;
    if (header['clusterId'] !== clusterId) return `it is of the cluster ${JSON.stringify(header['clusterId'])}`;
    if (header['scope'] !== scope) return `it was read as ${JSON.stringify(header['scope'])}, and is ${scope} now`;
    const savedAtMs = Date.parse(String(header['savedAt']));
    const remembered = objectsOf(lines, header['dictionaries']);
    const isWhole = Number.isFinite(savedAtMs) && remembered?.objects.length === header['objects'];
    return remembered !== undefined && isWhole
      ? { savedAtMs, ...remembered }
      : 'it does not hold the objects that it should';
  }

  async #setAside(reason: string, nowMs: number): Promise<SnapshotReading> {
    const { directory } = this.#options;
    const stamp = new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-');
    const setAside = `${this.path}.damaged-${stamp}`;
    try {
      await rename(this.path, setAside);
      const prefix = `${path.basename(this.path)}.damaged-`;
      const damaged = (await readdir(directory)).filter((name) => name.startsWith(prefix)).toSorted();
      for (const name of damaged.slice(0, -maxDamagedFiles)) await rm(path.join(directory, name), { force: true });
      return { kind: 'damaged', reason, setAside };
    } catch {
      return { kind: 'damaged', reason, setAside: undefined };
    }
  }
}

const nameOfFile = /^cluster-(.+)\.snapshot$/;

/** The clusters that have a file in a directory, sorted; none when it can't be read. */
export async function rememberedClusters(directory: string): Promise<readonly ClusterId[]> {
  const names = await readdir(directory).catch((): string[] => []);
  return names.toSorted().flatMap((name) => {
    const [, id] = nameOfFile.exec(name) ?? [];
    return id === undefined ? [] : [clusterId(decodeURIComponent(id))];
  });
}

const newline = 0x0a;

function* piecesOf(lines: readonly PackedLine[]): Generator<string> {
  let piece = '';
  for (const { kind, text } of lines) {
    piece += `${kind} ${Buffer.from(text, 'latin1').toString('base64')}\n`;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** Undefined when they are not lines of `piecesOf`. */
function objectsOf(lines: readonly string[], texts: unknown): RememberedObjects | undefined {
  if (!isMapping(texts)) return undefined;
  const dictionaries = new Map(Object.entries(texts).map(([kind, line]) => [kind, Buffer.from(String(line))]));
  const objects: KubernetesObject[] = [];
  const packed: PackedLine[] = [];
  for (const line of lines) {
    const [kind = '', encoded = ''] = line.split(' ');
    const deflated = Buffer.from(encoded, 'base64');
    const unpacked = unpackLine(deflated, dictionaries.get(kind)) ?? '';
    const object = objectOfLine(unpacked);
    if (object === undefined) return undefined;
    objects.push(object);
    packed.push({ kind, text: deflated.toString('latin1'), length: unpacked.length });
  }
  return { objects, content: { dictionaries, lines: packed } };
}

function* linesOf(bytes: Buffer): Generator<string> {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    yield bytes.toString('utf8', start, end);
    start = end + 1;
  }
}

function parseMapping(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isMapping(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A rename is on disk only when the folder is. */
async function syncFolder(directory: string): Promise<void> {
  await using folder = await open(directory, 'r');
  await folder.sync();
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Why a file operation failed, for a sentence. */
export function describe(error: unknown): string {
  const known: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EROFS: 'the file system is read-only',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ENOTDIR: 'a part of the path is not a directory',
    EEXIST: 'a part of the path is not a directory',
  };
  const code = codeOf(error);
  return known[code] ?? (code === '' ? String(error) : code);
}

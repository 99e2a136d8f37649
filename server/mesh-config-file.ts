// MeshConfig and MeshNetworks of an instance: from `--mesh-config`, over the defaults and the options; read again when
// the file changes.

import { readFile } from 'node:fs/promises';
import type { Clock } from '../ca/clock.ts';
import { parseMeshSettings } from '../discovery/convert/mesh-config.ts';
import { defaultMeshConfig, noMeshNetworks, type MeshSettings } from '../discovery/model/mesh-config.ts';
import type { Problem } from '../discovery/model/problem.ts';
import { ConfigError, type ServeConfig } from './config.ts';
import type { Log } from './log.ts';

/** How often the file is looked at: mounted ConfigMaps change without a notification that can be trusted. */
const rereadMs = 5000;

/** @throws ConfigError when the file can't be read or says what can't be obeyed */
export async function readMeshSettings(config: ServeConfig, log: Log): Promise<MeshSettings> {
  const defaults = defaultsOf(config);
  if (config.meshConfigFile === undefined) return defaults;
  const text = await readText(config.meshConfigFile);
  if (text === undefined)
    throw new ConfigError(
      `--mesh-config ${config.meshConfigFile} can't be read: name a file that is there and readable.`,
    );
  const { value, problems } = parseMeshSettings(text, config.meshConfigFile, defaults);
  if (value === undefined) throw new ConfigError(`--mesh-config: ${problems.map(sentence).join(' ')}`);
  for (const problem of problems) log.warn({ code: problem.code, field: problem.field }, sentence(problem));
  return value;
}

export interface FollowMeshSettings {
  readonly config: ServeConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: (settings: MeshSettings) => void;
}

/** Tells changed settings until the signal aborts. A bad file is logged and leaves the last good settings in force. */
export async function followMeshSettings(options: FollowMeshSettings, signal: AbortSignal): Promise<void> {
  const { config, clock, log, onChange } = options;
  if (config.meshConfigFile === undefined) return;
  let known = await readText(config.meshConfigFile);
  while (!signal.aborted) {
    await clock.sleep(rereadMs, signal);
    const text = signal.aborted ? undefined : await readText(config.meshConfigFile);
    if (text === undefined || text === known) continue;
    known = text;
    const { value, problems } = parseMeshSettings(text, config.meshConfigFile, defaultsOf(config));
    for (const problem of problems) log.warn({ code: problem.code, field: problem.field }, sentence(problem));
    if (value === undefined) log.error({ file: config.meshConfigFile }, 'the mesh configuration stays as it was');
    else onChange(value);
  }
}

function defaultsOf(config: ServeConfig): MeshSettings {
  return {
    config: {
      ...defaultMeshConfig,
      trustDomain: config.trustDomain,
      systemNamespace: config.systemNamespace,
      rootNamespace: config.systemNamespace,
    },
    meshNetworks: noMeshNetworks,
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined; // Absent or unreadable for now: the caller says what that means.
  }
}

function sentence({ origin, field, message }: Problem): string {
  return `${origin?.place ?? ''}${origin?.line === undefined ? '' : `:${String(origin.line)}`}: ${field === undefined ? '' : `${field}: `}${message}`;
}

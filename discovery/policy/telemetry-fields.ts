// What the entries of a Telemetry have in common: which requests they are about and where things go.

import { readChoice } from '../convert/choice.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { TelemetryMode } from '../model/policy.ts';

const modes: Readonly<Record<string, TelemetryMode>> = {
  CLIENT: 'client',
  SERVER: 'server',
  CLIENT_AND_SERVER: 'client-and-server',
};

/** `match.mode`, where a match has nothing else. */
export function readMode(reader: FieldReader): TelemetryMode {
  const match = reader.object('match');
  const mode = readMatchedMode(match);
  match?.end();
  return mode;
}

export function readMatchedMode(match: FieldReader | undefined): TelemetryMode {
  return (match === undefined ? undefined : readChoice(match, 'mode', modes)) ?? 'client-and-server';
}

/** Names of `providers`. */
export function readProviders(reader: FieldReader): readonly string[] {
  return reader.objects('providers').map((provider) => {
    const name = provider.requiredString('name');
    provider.end();
    return name;
  });
}

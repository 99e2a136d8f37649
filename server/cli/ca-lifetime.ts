// How long an authority is to be valid, as the commands that make one are told it.
import { ConfigError, readDurationMs } from '../config.ts';

/** Milliseconds; a certificate that is valid for no time is a mistake. @throws ConfigError */
export function readLifetimeMs(option: string, value: string): number {
  const lifetimeMs = readDurationMs(option, value);
  if (lifetimeMs > 0) return lifetimeMs;
  throw new ConfigError(`${option} ${value}: a certificate needs a lifetime, such as 730d.`);
}

// Processor time of programs that are not ours, from /proc.

import { readFile } from 'node:fs/promises';

/** Linux tells it in hundredths of a second. */
const tickMs = 10;

/** Of all together so far, with their threads; 0 for those that are gone. */
export async function cpuMsOf(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // The name of the program, in brackets, may hold spaces.
      const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs;
    }),
  );
  return each.reduce((sum, ms) => sum + ms, 0);
}

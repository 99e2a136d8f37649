// Reads one counter of a running instance from its metrics page.

/** The sum over all labels; 0 when there is none yet. `monitoring`: `HOST:PORT`. */
export async function readCounter(monitoring: string, name: string): Promise<number> {
  const page = await (await fetch(`http://${monitoring}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

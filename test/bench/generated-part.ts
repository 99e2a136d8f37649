// The parts of docs/performance.md that a run writes: what stands between two comments that name its command.

/** The page with other lines in the part of a command. @throws Error when the page has no such part */
export function withGenerated(page: string, command: string, lines: readonly string[]): string {
  const begin = `<!-- begin: written by ${command} -->`;
  const end = `<!-- end: written by ${command} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no part between "${begin}" and "${end}"`);
  return `${page.slice(0, from)}${begin}\n\n${lines.join('\n')}\n\n${page.slice(to)}`;
}

// Aligned columns for people. In: a header and rows of cells. Out: text, one line a row, no trailing spaces.

/** Columns two spaces apart; numbers are the caller's to format. Control characters of cells are shown as `·`. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Text from elsewhere can't move the cursor or change colours. */
export function printable(text: string): string {
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·');
}

/** `12s`, `5m`, `3h`, `2d` since a moment in RFC 3339; `-` when there is none. */
export function age(since: string | undefined, nowMs: number): string {
  if (since === undefined) return '-';
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(since)) / 1000));
  if (seconds < 120) return `${String(seconds)}s`;
  if (seconds < 7200) return `${String(Math.round(seconds / 60))}m`;
  if (seconds < 172_800) return `${String(Math.round(seconds / 3600))}h`;
  return `${String(Math.round(seconds / 86_400))}d`;
}

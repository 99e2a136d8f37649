// The figures of a load of another size, as their own generated part of docs/performance.md.

import { largeAimLines } from '../aims.ts';
import type { LoadFigures } from '../figures.ts';
import { withGenerated } from '../generated-part.ts';
import { circumstances, kib, loadTable } from '../report.ts';
import { commandOf, isLargeSize } from './page-sizes.ts';

/** The page with this run's figures in it. @throws Error when the page has no place for them */
export function withSize(page: string, figures: LoadFigures): string {
  const command = commandOf(figures);
  const filled = withGenerated(page, command, sizeLines(figures));
  return isLargeSize(figures) ? withGenerated(filled, `${command}: aims`, largeAimLines(figures)) : filled;
}

export function sizeLines(figures: LoadFigures): readonly string[] {
  return [
    circumstances(figures),
    '',
    ...loadTable(figures, []),
    '',
    `Live memory a connected proxy: ${kib(figures.connect.live)}.`,
  ];
}

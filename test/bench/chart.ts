// A bar chart as SVG text, drawn without any library: one row a bar, the label left, the value right of the bar.

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** As it is written beside the bar. */
  readonly text: string;
  readonly ours: boolean;
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const width = 720;
const rowHeight = 22;
const titleHeight = 30;
const labelWidth = 90;
const valueWidth = 110;

/** Bars of one group are drawn to the scale of its longest; groups have nothing in common. */
export function barChart(groups: readonly BarGroup[]): string {
  const rows: string[] = [];
  let top = 8;
  for (const { title, bars } of groups) {
    rows.push(text({ x: 8, y: top + 18, content: title, weight: 600 }));
    top += titleHeight;
    const longest = Math.max(...bars.map(({ value }) => value), Number.EPSILON);
    for (const { label, value, text: written, ours } of bars) {
      const length = Math.max(2, Math.round((value / longest) * (width - labelWidth - valueWidth)));
      const color = ours ? '#2f6fde' : '#9aa4b2';
      rows.push(
        text({ x: 8, y: top + 14, content: label }),
        `<rect x="${labelWidth}" y="${top + 3}" width="${length}" height="${rowHeight - 8}" fill="${color}"/>`,
        text({ x: labelWidth + length + 6, y: top + 14, content: written }),
      );
      top += rowHeight;
    }
  }
  const height = top + 8;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="sans-serif" font-size="12" role="img"><rect width="100%" height="100%" fill="#ffffff"/>`,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

interface Text {
  readonly x: number;
  readonly y: number;
  readonly content: string;
  readonly weight?: number;
}

function text({ x, y, content, weight = 400 }: Text): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" font-weight="${weight}" fill="#1d2530">${escaped}</text>`;
}

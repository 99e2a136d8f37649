export function withFigures(text: string, _figures: unknown): string {
  return text;
}

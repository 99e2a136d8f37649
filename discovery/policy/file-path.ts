// Paths of files beside a proxy. In: a field and its text. Out: findings. The tilde stands between two paths in the name of a secret.

import { show, type FieldReader } from '../convert/field-reader.ts';

/** An empty text is no path, and not looked at. */
export function checkFilePath(reader: FieldReader, name: string, text: string): void {
  if (text === '' || /^\/[^~]*$/.test(text)) return;
  const message = `${show(text)} is not an absolute path, or has a "~" in it: correct it`;
  reader.findings.error('invalid-value', reader.at(name), message);
}

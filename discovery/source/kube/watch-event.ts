// One line of a watch → what it says. The protocol: https://kubernetes.io/docs/reference/using-api/api-concepts/

import { isMapping } from '../../convert/field-reader.ts';
import { KubeError, statusError } from './kube-error.ts';

export type WatchEvent =
  | { readonly type: 'changed'; readonly object: Readonly<Record<string, unknown>>; readonly resourceVersion: string }
  | { readonly type: 'deleted'; readonly object: Readonly<Record<string, unknown>>; readonly resourceVersion: string }
  /** `endsList`: everything that existed when a streaming list began has been sent. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly endsList: boolean }
  | { readonly type: 'error'; readonly error: KubeError };

/** A line that is not a watch event is a `malformed` error. */
export function parseWatchEvent(line: string): WatchEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return malformed('a line of the watch is not JSON');
  }
  const object = isMapping(value) ? value['object'] : undefined;
  if (!isMapping(value) || !isMapping(object)) return malformed('a line of the watch is not an event');
  const metadata = isMapping(object['metadata']) ? object['metadata'] : {};
  const resourceVersion = typeof metadata['resourceVersion'] === 'string' ? metadata['resourceVersion'] : '';
  switch (value['type']) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'changed', object, resourceVersion };
    case 'DELETED':
      return { type: 'deleted', object, resourceVersion };
    case 'BOOKMARK': {
      const annotations = isMapping(metadata['annotations']) ? metadata['annotations'] : {};
      return { type: 'bookmark', resourceVersion, endsList: annotations['k8s.io/initial-events-end'] === 'true' };
    }
    case 'ERROR': {
      const code = typeof object['code'] === 'number' ? object['code'] : 500;
      return { type: 'error', error: statusError(code, textOf(object['message'])) };
    }
    default:
      return malformed('the watch sent an event of an unknown type');
  }
}

/** The message of a `Status` object, or empty. */
export function statusMessage(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    return isMapping(value) ? textOf(value['message']) : '';
  } catch {
    return '';
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function malformed(message: string): WatchEvent {
  return { type: 'error', error: new KubeError('malformed', message) };
}

// One page under `/debug/`: a name, what it shows, and a pure function from the instance and the query to JSON.

import type { InstanceReader } from '../instance-reader.ts';

export interface DebugPage {
  /** Path below `/debug/`, as istiod has it. */
  readonly name: string;
  readonly help: string;
  readonly render: (reader: InstanceReader, query: URLSearchParams) => DebugAnswer;
}

/** Either a document for JSON, or why there is none. */
export type DebugAnswer =
  | { readonly kind: 'document'; readonly document: unknown }
  | { readonly kind: 'refused'; readonly status: 400 | 404; readonly message: string };

export const document = (value: unknown): DebugAnswer => ({ kind: 'document', document: value });

export const refused = (status: 400 | 404, message: string): DebugAnswer => ({ kind: 'refused', status, message });

// What a user can mend about a feed, in words: a right that is missing, an object that is too large.

import type { Problem } from '../../model/problem.ts';
import { describeFeed, missingRule, type Feed } from './feeds.ts';
import type { KubeError } from './kube-error.ts';

export function forbiddenProblem(feed: Feed, error: KubeError): Problem {
  const { required } = feed.kind;
  const effect = required ? 'without it nothing is discovered' : 'what it would add is missing';
  return {
    severity: required ? 'error' : 'warning',
    code: 'forbidden',
    message: `${describeFeed(feed)} can't be read (${error.message}), ${effect}: grant ${missingRule(feed)}.`,
  };
}

export interface OversizedObject {
  readonly namespace: string;
  /** Undefined when not even the name could be read. */
  readonly name: string | undefined;
}

/** The object whose first characters these are. API servers write an object's own name and namespace first. */
export function nameOversized(beginning: string): OversizedObject {
  const name = /"name":"([^"\\]+)"/.exec(beginning)?.[1];
  return { name, namespace: /"namespace":"([^"\\]+)"/.exec(beginning)?.[1] ?? '' };
}

export function oversizedProblem(feed: Feed, { namespace, name }: OversizedObject, maxBytes: number): Problem {
  const which = name === undefined ? 'An object' : namespace === '' ? name : `${namespace}/${name}`;
  return {
    severity: 'error',
    code: 'object-too-large',
    message: `${which} of ${describeFeed(feed)} has more than ${maxBytes} bytes and is not taken, and what was good of it before stays: make it smaller.`,
  };
}

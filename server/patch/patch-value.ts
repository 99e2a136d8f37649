// The value of a patch as a message, and merged into another.

import type { EnvoyPatch } from '../../discovery/model/policy.ts';
import type { MessageType } from '../../proto/message-type.ts';
import { mergeInto, typedValue } from '../../proto/merge-message.ts';
import { brokenRuleOf } from '../../proto/value-rules.ts';

const nothing = Object.freeze({});

/** The value alone; undefined when the patch has none. */
export function valueOf<T>(type: MessageType<T>, { value }: EnvoyPatch): T | undefined {
  return value === undefined ? undefined : typedValue<T>(type, value);
}

export function isMerge({ operation }: EnvoyPatch): boolean {
  return operation === 'merge' || operation === 'merge-replacing-lists';
}

/** `into` with the value merged into it. Throws when an Any in it can't be read. */
export function merged<T extends object>(type: MessageType<T>, into: NoInfer<T>, patch: EnvoyPatch): T {
  const lists = patch.operation === 'merge-replacing-lists' ? 'replace' : 'join';
  return mergeInto<T>(type, into, patch.value ?? nothing, { lists });
}

/** What Envoy would refuse it for, in words. */
export function brokenValue<T extends object>(type: MessageType<T>, value: NoInfer<T>): string | undefined {
  const broken = brokenRuleOf<T>(type, value);
  return broken === undefined ? undefined : `${broken.path} ${broken.message}`.trim();
}

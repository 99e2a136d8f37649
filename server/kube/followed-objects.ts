// Some objects of the primary, kept equal to what its API server has until the signal aborts. In: which kinds, where, and
// which of them. Out: all of them, each time that something changed, once the first list is complete.

import type { Clock } from '../../ca/clock.ts';
import { keyOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { kindName } from '../../discovery/model/names.ts';
import type { SourceEvent } from '../../discovery/model/source-event.ts';
import { ApiDiscovery } from '../../discovery/source/kube/api-discovery.ts';
import type { Feed } from '../../discovery/source/kube/feeds.ts';
import { Interner } from '../../discovery/source/kube/intern.ts';
import { KubeClient } from '../../discovery/source/kube/kube-client.ts';
import { Outbox } from '../../discovery/source/kube/outbox.ts';
import { Reflector } from '../../discovery/source/kube/reflector.ts';
import { defaultTimings, type KubeTimings } from '../../discovery/source/kube/timings.ts';
import { ToldObjects } from '../../discovery/source/kube/told-objects.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface FollowOptions {
  readonly client: PrimaryClient;
  readonly followed: readonly Followed[];
  /** Objects by `KIND/NAMESPACE/NAME`; the map is the same one each time. What it throws, `followObjects` rejects with. */
  readonly onChange: (objects: ReadonlyMap<string, KubernetesObject>) => void;
  /** Told why a list or watch does not work at present; undefined when it works again. */
  readonly onTrouble: (reason: string | undefined) => void;
  readonly clock: Clock;
  readonly timings?: Partial<KubeTimings> | undefined;
}

/** Objects of one kind, at version v1: all of them, those of a namespace, or those with a name. */
export interface Followed {
  readonly kind: string;
  readonly plural: string;
  /** Left out: the core group. */
  readonly group?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

const maxBatch = 1000;

export async function followObjects(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, onChange } = options;
  const timings = { ...defaultTimings, ...options.timings };
  const objects = new Map<string, KubernetesObject>();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  let failure: { readonly error: unknown } | undefined;
  let isSynced = false;
  const outbox = new Outbox({
    deliver: (events) => {
      for (const event of events) fold(objects, event);
      isSynced ||= events.some(({ kind }) => kind === 'synced');
      if (isSynced) onChange(objects);
    },
    maxBatch,
    maxProblems: 1,
    onFailure: (error) => {
      failure = { error };
      stop.abort();
    },
  });
  const { connectTimeoutMs, answerTimeoutMs } = timings;
  const reader = new KubeClient({ access: client.access, clock, connectTimeoutMs, answerTimeoutMs });
  const discovery = new ApiDiscovery({ client: reader, clock, random: Math.random, maxAgeMs: timings.rediscoverMs });
  const interner = new Interner();
  let isTold = false;
  let trouble: string | undefined;
  const consider = (): void => {
    const reason = reflectors.find(({ health }) => health.lastError !== undefined)?.health.lastError?.message;
    if (reason !== trouble) options.onTrouble(reason);
    trouble = reason;
    if (isTold || reflectors.some(({ health }) => !health.settled)) return;
    isTold = true;
    outbox.push({ kind: 'synced' });
  };
  const reflectors: readonly Reflector[] = options.followed.map(
    (followed, index) =>
      new Reflector({
        feed: feedOf(followed),
        index,
        client: reader,
        discovery,
        told: new ToldObjects({
          kind: kindName(followed.group ?? '', followed.kind),
          outbox,
          interner,
          origin: { place: 'the primary' },
        }),
        outbox,
        timings,
        clock,
        random: Math.random,
        isReachable: () => reflectors.some(({ health }) => health.alive),
        onChange: consider,
      }),
  );
  try {
    await Promise.all(reflectors.map((reflector) => reflector.run(stop.signal)));
  } finally {
    signal.removeEventListener('abort', onAbort);
    outbox.close();
  }
  if (failure !== undefined) throw failure.error;
}

/** Kinds that are in no namespace. */
const clusterScoped: ReadonlySet<string> = new Set(['Namespace', 'MutatingWebhookConfiguration']);

function feedOf({ kind, plural, group = '', namespace, name }: Followed): Feed {
  return {
    kind: {
      kind,
      plural,
      group,
      versions: ['v1'],
      namespaced: !clusterScoped.has(kind),
      scopes: ['primary'],
      required: true,
      installable: false,
    },
    namespace,
    fieldSelector: name === undefined ? undefined : `metadata.name=${name}`,
  };
}

function fold(objects: Map<string, KubernetesObject>, event: SourceEvent): void {
  if (event.kind === 'changed') objects.set(keyOf(event.object), event.object);
  else if (event.kind === 'deleted') objects.delete(event.key);
}

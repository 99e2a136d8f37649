// What a Lease says, and the Lease that says it. Pure. https://kubernetes.io/docs/concepts/architecture/leases/

import { fieldOf, textOf, type NewObject, type ObjectPlace, type StoredObject } from './kube-object.ts';

export interface LeaseRecord {
  /** Empty: nobody, because the last holder gave it back. */
  readonly holder: string;
  /** How long the holder may be silent before others may take it. */
  readonly termMs: number;
  /** Milliseconds since the epoch, by the holder's clock: shown, never compared. */
  readonly acquiredAtMs: number;
  readonly renewedAtMs: number;
  /** How often it went from one holder to another. */
  readonly transitions: number;
}

export function leasesOf(namespace: string): ObjectPlace {
  return { apiVersion: 'coordination.k8s.io/v1', plural: 'leases', namespace };
}

/** What is missing or of the wrong type is as in a Lease that nobody holds. */
export function readLease({ fields }: StoredObject): LeaseRecord {
  const spec = fields['spec'];
  const seconds = fieldOf(spec, 'leaseDurationSeconds');
  const transitions = fieldOf(spec, 'leaseTransitions');
  return {
    holder: textOf(spec, 'holderIdentity') ?? '',
    termMs: typeof seconds === 'number' ? seconds * 1000 : 0,
    acquiredAtMs: timeOf(textOf(spec, 'acquireTime')),
    renewedAtMs: timeOf(textOf(spec, 'renewTime')),
    transitions: typeof transitions === 'number' ? transitions : 0,
  };
}

/** @param resourceVersion of the Lease that is replaced; none to make a new one. */
export function leaseObject(
  record: LeaseRecord,
  at: { readonly namespace: string; readonly name: string; readonly resourceVersion?: string | undefined },
): NewObject {
  const { namespace, name, resourceVersion } = at;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    spec: {
      ...(record.holder === '' ? {} : { holderIdentity: record.holder }),
      leaseDurationSeconds: Math.max(1, Math.ceil(record.termMs / 1000)),
      acquireTime: microTime(record.acquiredAtMs),
      renewTime: microTime(record.renewedAtMs),
      leaseTransitions: record.transitions,
    },
  };
}

function timeOf(text: string | undefined): number {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? 0 : ms;
}

/** The API's `MicroTime` has exactly six digits after the point. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

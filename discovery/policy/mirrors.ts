// Where copies of requests go. In: a route. Out: destinations with shares; one that is copied nothing is left out.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMirrorPolicy

import type { FieldReader } from '../convert/field-reader.ts';
import type { Mirror } from '../model/policy.ts';
import { readPercentage } from './percentage.ts';
import { readDestination, readTarget, type RouteContext } from './route-destination.ts';

/** `mirrors`, or `mirror` with its share beside it. */
export function readMirrors(reader: FieldReader, context: RouteContext): readonly Mirror[] {
  const single = reader.object('mirror');
  const share = readPercentage(reader, 'mirrorPercentage', 'mirrorPercent', 'mirror_percent');
  const several = reader.objects('mirrors').flatMap((mirror, index) => {
    return readMirror(mirror, context, `mirrors[${index}].destination`);
  });
  if (single === undefined) {
    if (share !== undefined && !reader.has('mirror')) {
      const message = `${reader.path} has a share of requests to mirror and no mirror, so nothing is; add mirror`;
      reader.findings.warn('missing-field', reader.at('mirror'), message);
    }
    return several;
  }
  if (reader.has('mirrors')) {
    const message = `${reader.path} has mirror and mirrors: keep one`;
    reader.findings.error('conflicting-fields', reader.at('mirrors'), message);
  }
  return mirrored(readTarget(single, context), share, 'mirror');
}

function readMirror(reader: FieldReader, context: RouteContext, field: string): readonly Mirror[] {
  const destination = readDestination(reader, context);
  const share = readPercentage(reader, 'percentage');
  reader.end();
  return mirrored(destination, share, field);
}

/** All requests unless a share is said. */
function mirrored(
  destination: Mirror['destination'] | undefined,
  percent: number | undefined,
  field: string,
): readonly Mirror[] {
  return destination === undefined || percent === 0 ? [] : [{ destination, percent: percent ?? 100, field }];
}

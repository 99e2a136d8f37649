// `outlierDetection` of a traffic policy. In: the field's mapping. Out: when an endpoint is put aside, and for how long.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection

import { readDuration } from '../convert/duration.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { OutlierDetection } from '../model/policy.ts';

const most = 4_294_967_295;

export function readOutlierDetection(reader: FieldReader): OutlierDetection {
  const older = reader.integer('consecutiveErrors', 0, most);
  const gatewayErrors = reader.integer('consecutiveGatewayErrors', 0, most) ?? older;
  const serverErrors = reader.integer('consecutive5xxErrors', 0, most);
  const localFailures = reader.integer('consecutiveLocalOriginFailures', 0, most);
  const intervalMs = readDuration(reader, 'interval', 1);
  const baseEjectionMs = readDuration(reader, 'baseEjectionTime', 1);
  const maxEjectionPercent = reader.integer('maxEjectionPercent', 0, 100);
  const detection = {
    splitLocalOriginErrors: reader.boolean('splitExternalLocalOriginErrors') ?? false,
    ...(localFailures === undefined ? {} : { consecutiveLocalOriginFailures: localFailures }),
    ...(gatewayErrors === undefined ? {} : { consecutiveGatewayErrors: gatewayErrors }),
    ...(serverErrors === undefined ? {} : { consecutive5xxErrors: serverErrors }),
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(baseEjectionMs === undefined ? {} : { baseEjectionMs }),
    // As in Istio 0 is not said.
    ...(maxEjectionPercent === undefined || maxEjectionPercent === 0 ? {} : { maxEjectionPercent }),
    minHealthPercent: reader.integer('minHealthPercent', 0, 100) ?? 0,
  };
  reader.refuse('outlierDetectionHttpErrorCodes');
  reader.end();
  return detection;
}

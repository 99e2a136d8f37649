// A Telemetry → what workloads log and trace.
// https://istio.io/latest/docs/reference/config/telemetry/

import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { AccessLogging, TelemetryPolicy, TraceTag, Tracing } from '../model/policy.ts';
import { readCelExpression } from './cel-expression.ts';
import { policyOrigin, readSpec } from './policy-fields.ts';
import { readTarget } from './policy-target.ts';
import { readMode, readProviders } from './telemetry-fields.ts';
import { readMetrics } from './telemetry-metrics.ts';
import { readWorkloadSelector } from './workload-selector.ts';

export function convertTelemetry(object: KubernetesObject): Conversion<TelemetryPolicy> {
  const { spec, findings } = readSpec(object);
  const { target } = readTarget(spec, readWorkloadSelector(spec), object.metadata.namespace);
  const accessLogging = spec.objects('accessLogging').map((reader) => readAccessLogging(reader));
  const tracing = spec.objects('tracing').map((reader) => readTracing(reader));
  const metrics = spec.objects('metrics').map((reader) => readMetrics(reader));
  spec.end();
  return findings.conclude({
    kind: 'Telemetry',
    ...policyOrigin(object),
    exportTo: [],
    ...target,
    accessLogging,
    tracing,
    metrics,
  });
}

function readAccessLogging(reader: FieldReader): AccessLogging {
  const filter = reader.object('filter');
  const expression = filter === undefined ? undefined : readCelExpression(filter, 'expression');
  filter?.end();
  const logging = {
    mode: readMode(reader),
    providers: readProviders(reader),
    disabled: reader.boolean('disabled') ?? false,
    ...(expression === undefined ? {} : { filter: expression }),
  };
  reader.end();
  return logging;
}

function readTracing(reader: FieldReader): Tracing {
  reader.refuse('enableIstioTags', 'useRequestIdForTraceSampling', 'disableContextPropagation');
  const providers = readProviders(reader);
  if (providers.length > 1) {
    const message = `${reader.at('providers')} names more than one, and an Envoy traces to one: keep one`;
    reader.findings.error('invalid-value', reader.at('providers'), message);
  }
  const tracing = {
    mode: readMode(reader),
    providers,
    disabled: reader.boolean('disableSpanReporting'),
    samplingPercent: readPercent(reader),
    tags: readTags(reader),
  };
  reader.end();
  return tracing;
}

function readPercent(reader: FieldReader): number | undefined {
  const value = reader.raw('randomSamplingPercentage');
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= 100) return value;
  const field = reader.at('randomSamplingPercentage');
  reader.findings.error('out-of-range', field, `${show(value)} is not a number from 0 to 100: correct it`);
  return undefined;
}

function readTags(reader: FieldReader): Readonly<Record<string, TraceTag>> {
  const tags: Record<string, TraceTag> = {};
  const customTags = reader.object('customTags');
  for (const name of customTags?.keys() ?? []) {
    const tag = customTags?.object(name);
    const read = tag === undefined ? undefined : readTag(tag);
    if (read !== undefined) tags[name] = read;
  }
  return tags;
}

function readTag(reader: FieldReader): TraceTag | undefined {
  reader.refuse('formatter');
  const literal = reader.object('literal');
  const environment = reader.object('environment');
  const header = reader.object('header');
  const given = [literal, environment, header].filter((one) => one !== undefined);
  if (given.length !== 1) {
    const message = `${reader.path} needs one of literal, environment and header: correct it`;
    reader.findings.error(given.length === 0 ? 'missing-field' : 'conflicting-fields', reader.path, message);
  }
  const tag: TraceTag | undefined =
    literal === undefined
      ? (named('environment', environment) ?? named('header', header))
      : { kind: 'literal', value: literal.requiredString('value') };
  for (const one of given) one.end();
  reader.end();
  return tag;
}

function named(kind: 'environment' | 'header', reader: FieldReader | undefined): TraceTag | undefined {
  if (reader === undefined) return undefined;
  return { kind, name: reader.requiredString('name'), defaultValue: reader.string('defaultValue') ?? '' };
}

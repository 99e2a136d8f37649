// How near endpoints should be, as a DestinationRule and MeshConfig say it (`localityLbSetting`). In: the field. Out: settings.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting

import type { LocalitySettings } from '../model/policies/load-balancer.ts';
import { compareText } from '../model/network-gateway.ts';
import { show, type FieldReader } from './field-reader.ts';

/** Undefined when the field is absent. Unlike in Istio `distribute` and the others may be declared together. */
export function readLocalitySettings(reader: FieldReader, name: string): LocalitySettings | undefined {
  const settings = reader.object(name);
  if (settings === undefined) return undefined;
  const enabled = settings.boolean('enabled') ?? true;
  const distribute = settings.objects('distribute').map((entry) => readDistribution(entry));
  const failover = settings.objects('failover').map((entry) => readFailover(entry));
  const failoverPriority = settings.strings('failoverPriority');
  for (const [index, text] of failoverPriority.entries()) {
    const [label = ''] = text.split('=');
    if (label !== '') continue;
    const field = `${settings.at('failoverPriority')}[${index}]`;
    settings.findings.error('invalid-value', field, `${show(text)} names no label: write LABEL or LABEL=VALUE`);
  }
  settings.end();
  return { enabled, distribute, failover, failoverPriority };
}

function readDistribution(entry: FieldReader): LocalitySettings['distribute'][number] {
  const from = entry.requiredString('from');
  if (from !== '') checkPlace(from, entry.at('from'), entry);
  const shares = entry.object('to');
  const to: { place: string; percent: number }[] = [];
  for (const place of (shares?.keys() ?? []).toSorted(compareText)) {
    checkPlace(place, shares?.at(place) ?? '', entry);
    const percent = shares?.integer(place, 0, 100) ?? 0;
    if (percent > 0) to.push({ place, percent });
  }
  const total = to.reduce((sum, { percent }) => sum + percent, 0);
  if (total !== 100 && !entry.findings.refused) {
    const message = `the percentages of ${entry.at('to')} make ${total}: let them make 100`;
    entry.findings.error('invalid-value', entry.at('to'), message);
  }
  entry.end();
  return { from, to };
}

function readFailover(entry: FieldReader): LocalitySettings['failover'][number] {
  const from = entry.requiredString('from');
  const to = entry.requiredString('to');
  for (const [name, region] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (!/[/*]/.test(region)) continue;
    const message = `${show(region)} is not a region (zones and subzones fail over to their region by themselves): name one`;
    entry.findings.error('invalid-value', entry.at(name), message);
  }
  if (from !== '' && from === to) {
    entry.findings.error('invalid-value', entry.at('to'), `${show(to)} would fail over to itself: name another region`);
  }
  entry.end();
  return { from, to };
}

// `*`, or `REGION[/ZONE[/SUBZONE]]` in which a star ends it.
function checkPlace(place: string, field: string, { findings }: FieldReader): void {
  if (/^(\*|[^/*]+(\/[^/*]+){0,2}|[^/*]+(\/[^/*]+)?\/\*)$/.test(place)) return;
  const message = `${show(place)} is not a place such as "region/zone/*": correct it`;
  findings.error('invalid-value', field, message);
}

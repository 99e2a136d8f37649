// The WorkloadEntry of a machine that registered by itself: what it says, and who may change it when. Pure. The annotations are
// Istio's, so that either control plane understands what the other one wrote.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { annotation } from '../../discovery/convert/well-known.ts';
import type { WorkloadGroup } from '../../discovery/convert/workload-group.ts';
import type { Locality } from '../../discovery/model/locality.ts';
import type { NewObject } from '../kube/kube-object.ts';

/** A connected machine, as its agent describes it. */
export interface Machine {
  readonly namespace: string;
  /** WorkloadGroup that it wants to be of. */
  readonly group: string;
  readonly address: string;
  /** Empty: the agent does not say. */
  readonly network: string;
  readonly locality: Locality;
  /** Its agent will report health. */
  readonly isProbed: boolean;
  /** The address that its stream comes from, as this end sees it. */
  readonly from: string;
}

/** What one report of an agent says. */
export interface HealthReport {
  readonly healthy: boolean;
  /** Why not. */
  readonly message: string;
  readonly atMs: number;
}

/** Who has the machine's stream, since when. */
export interface Holder {
  readonly controller: string;
  readonly connectedAtMs: number;
}

/** A stored object, as the API server has it. */
export type Fields = Readonly<Record<string, unknown>>;

const longestName = 253;

/** `GROUP-IP[-NETWORK]`. One that is too long keeps its end, which tells machines apart. */
export function entryName({ group, address, network }: Pick<Machine, 'group' | 'address' | 'network'>): string {
  const name = [group, address.replaceAll(':', '-'), ...(network === '' ? [] : [network])].join('-');
  return name.length <= longestName ? name : name.slice(-longestName).replace(/^[^a-z0-9]+/, '');
}

/** The whole entry of a machine of a group. Its labels are the group's: a machine can't say which policies and Services select it. */
export function entryOf(machine: Machine, group: WorkloadGroup, holder: Holder): NewObject {
  const { labels } = group;
  const locality = localityText(machine.locality);
  return {
    apiVersion: group.apiVersion,
    kind: 'WorkloadEntry',
    metadata: {
      name: entryName(machine),
      namespace: machine.namespace,
      labels,
      annotations: {
        ...group.annotations,
        ...(machine.isProbed ? { [annotation.healthChecks]: 'true' } : {}),
        [annotation.autoRegistrationGroup]: group.name,
        [annotation.workloadController]: holder.controller,
        [annotation.connectedFrom]: machine.from,
        [annotation.connectedAt]: timeText(holder.connectedAtMs),
      },
      ...(group.uid === ''
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: group.apiVersion,
                kind: 'WorkloadGroup',
                name: group.name,
                uid: group.uid,
                controller: true,
              },
            ],
          }),
    },
    spec: {
      ...group.template,
      address: machine.address,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(machine.network === '' ? {} : { network: machine.network }),
      ...(locality === '' ? {} : { locality }),
    },
  };
}

/** Undefined: not made by registration. */
export function groupOfEntry(entry: Fields): string | undefined {
  return annotationsOf(entry)[annotation.autoRegistrationGroup];
}

export function controllerOf(entry: Fields): string | undefined {
  return annotationsOf(entry)[annotation.workloadController];
}

/** Since when its machine is connected; undefined when it is not. */
export function connectedAtMs(entry: Fields): number | undefined {
  return timeOf(annotationsOf(entry)[annotation.connectedAt]);
}

/** Since when its machine is gone; undefined while it is connected. */
export function disconnectedAtMs(entry: Fields): number | undefined {
  const annotations = annotationsOf(entry);
  if (annotations[annotation.connectedAt] !== undefined) return undefined;
  return timeOf(annotations[annotation.disconnectedAt]);
}

/**
 * Whether a replica that has the machine's stream must write that it does: nobody does, an earlier stream does, or somebody says that
 * it is gone. The machine's latest stream wins, wherever it ends.
 */
export function isToBeClaimed(entry: Fields, holder: Pick<Holder, 'connectedAtMs'>): boolean {
  const since = connectedAtMs(entry);
  return since === undefined || since < holder.connectedAtMs;
}

/**
 * Whether a stream may have the entry of the address that it announces, which is nobody's proof. One that comes from that very address may,
 * and one from where the present holder's comes from; others once the holder is gone.
 */
export function mayHold({ address, from }: Pick<Machine, 'address' | 'from'>, heldFrom: string | undefined): boolean {
  return heldFrom === undefined || heldFrom === from || from === address;
}

/** Where the machine that is connected is connected from; undefined when none is, or it is not said. */
export function connectedFrom(entry: Fields): string | undefined {
  return connectedAtMs(entry) === undefined ? undefined : annotationsOf(entry)[annotation.connectedFrom];
}

/** `entry` as its holder wants it: everything that registration writes; status, uid and what others added stay. */
export function claimed(entry: Fields, wanted: NewObject): NewObject {
  const { labels, annotations = {}, ownerReferences } = wanted.metadata;
  const { [annotation.disconnectedAt]: _gone, ...before } = annotationsOf(entry);
  const metadata = {
    ...metadataOf(entry),
    labels: { ...textsOf(metadataOf(entry)['labels']), ...labels },
    annotations: { ...before, ...annotations },
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
  return replaced(entry, metadata, { spec: wanted['spec'] });
}

/** `entry` without its machine since `atMs`; undefined when another replica or a later stream has the machine. */
export function disconnected(entry: Fields, holder: Holder, atMs: number): NewObject | undefined {
  const since = connectedAtMs(entry);
  if (controllerOf(entry) !== holder.controller || since === undefined || since > holder.connectedAtMs)
    return undefined;
  return doubted(entry, atMs);
}

/** `entry` as one whose machine is gone, unless a replica that has it claims it back. */
export function doubted(entry: Fields, atMs: number): NewObject {
  const { [annotation.connectedAt]: _since, ...annotations } = annotationsOf(entry);
  annotations[annotation.disconnectedAt] = timeText(atMs);
  return replaced(entry, { ...metadataOf(entry), annotations });
}

/** `entry` with the condition `Healthy` as reported; undefined when it says so already. */
export function withHealth(entry: Fields, report: HealthReport): NewObject | undefined {
  const status = isMapping(entry['status']) ? entry['status'] : {};
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isMapping) : [];
  const before = conditions.find(({ type }) => type === 'Healthy');
  const said = report.healthy ? 'True' : 'False';
  if (before?.['status'] === said && (before['message'] ?? '') === report.message) return undefined;
  const at = timeText(report.atMs);
  const condition = {
    type: 'Healthy',
    status: said,
    ...(report.message === '' ? {} : { message: report.message }),
    lastProbeTime: at,
    lastTransitionTime: before?.['status'] === said ? (before['lastTransitionTime'] ?? at) : at,
  };
  const others = conditions.filter(({ type }) => type !== 'Healthy');
  return replaced(entry, metadataOf(entry), { status: { ...status, conditions: [...others, condition] } });
}

/** The name and version stay what they were, so that a change in between is a conflict. */
function replaced(entry: Fields, metadata: Fields, changed: Fields = {}): NewObject {
  return {
    ...entry,
    ...changed,
    apiVersion: String(entry['apiVersion']),
    kind: 'WorkloadEntry',
    metadata: { ...metadata, name: String(metadata['name']) },
  };
}

function metadataOf(entry: Fields): Fields {
  return isMapping(entry['metadata']) ? entry['metadata'] : {};
}

function annotationsOf(entry: Fields): Record<string, string> {
  return textsOf(metadataOf(entry)['annotations']);
}

function textsOf(value: unknown): Record<string, string> {
  if (!isMapping(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

function localityText({ region, zone, subzone }: Locality): string {
  return [region, zone, subzone].join('/').replace(/\/+$/, '');
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}

function timeOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

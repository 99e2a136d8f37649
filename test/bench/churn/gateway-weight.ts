// How often a service has changed in a cluster behind a gateway, as far as an assignment tells: the gateway weighs as much as there
// are pods behind it, so each change leaves another number of them. In: encoded assignments. Out: the turn of the service.

/** Numbers of pods that the changes go round. A proxy that misses so many changes of one service is not followed. */
export const turns = 3;

/** Endpoints of a service in the remote after so many changes of it; `endpoints` before the first. */
export function podsAfter(changes: number, endpoints: number): number {
  return endpoints + 1 + (changes % turns);
}

export interface Turn {
  readonly service: number;
  /** The number of its last change, modulo `turns`. */
  readonly turn: number;
}

/** Field 4 of an LbEndpoint, a message of two bytes: its field 1 is one of less than 128. */
const weightField = Buffer.from([0x22, 2, 8]);
const nameBytes = 80;

/** Undefined for a service that never changed in the remote. Endpoints that are reached directly weigh 1. */
export function turnIn(body: Buffer, endpoints: number): Turn | undefined {
  const [, service] = /\|svc-(\d+)\./.exec(body.toString('latin1', 0, nameBytes)) ?? [];
  if (service === undefined) return undefined;
  for (let at = body.indexOf(weightField); at !== -1; at = body.indexOf(weightField, at + 1)) {
    const turn = (body[at + weightField.length] ?? 0) - podsAfter(0, endpoints);
    if (turn >= 0 && turn < turns) return { service: Number(service), turn };
  }
  return undefined;
}

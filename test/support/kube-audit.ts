// The audit log of an API server: who asked it for what. In: a directory. Out: the flags that turn it on, and its entries.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface AuditEntry {
  readonly user: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` … */
  readonly verb: string;
  /** `services`, `gateways.networking.istio.io`; the path of what is no resource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** HTTP status; 0 when there was no answer yet. */
  readonly code: number;
}

export interface AuditLog {
  readonly apiServerFlags: Readonly<Record<string, string>>;
  entries(): Promise<readonly AuditEntry[]>;
}

interface RawEntry {
  readonly verb: string;
  readonly requestURI: string;
  readonly user?: { readonly username?: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/** Every request is in it as soon as it is answered, a watch when it begins. */
export async function auditLog(directory: string): Promise<AuditLog> {
  const policy = join(directory, 'audit-policy.json');
  const log = join(directory, 'audit.log');
  await writeFile(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [{ level: 'Metadata' }],
    }),
  );
  return {
    apiServerFlags: { 'audit-policy-file': policy, 'audit-log-path': log, 'audit-log-mode': 'blocking' },
    entries: async () => {
      const text = await readFile(log, 'utf8');
      // The last line may be half written.
      const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
      return lines.filter((line) => line !== '').map((line) => entryOf(JSON.parse(line) as RawEntry));
    },
  };
}

function entryOf({ verb, requestURI, user, objectRef, responseStatus }: RawEntry): AuditEntry {
  const group = objectRef?.apiGroup === undefined ? '' : `.${objectRef.apiGroup}`;
  const sub = objectRef?.subresource === undefined ? '' : `/${objectRef.subresource}`;
  return {
    user: user?.username ?? '',
    verb,
    resource: objectRef?.resource === undefined ? requestURI : `${objectRef.resource}${group}${sub}`,
    namespace: objectRef?.namespace ?? '',
    name: objectRef?.name ?? '',
    code: responseStatus?.code ?? 0,
  };
}

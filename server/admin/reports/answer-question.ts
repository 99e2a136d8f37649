// Questions of Istio's tools over xDS, answered as istiod answers them: who asks from the system namespace may know everything,
// others what concerns the proxies of their own namespace. In: a question and the namespace of its asker. Out: a report.

import type { Question, Refusal, Report, ReportResource } from '../../stream/snapshot-source.ts';
import { reportType } from '../../stream/type-rules.ts';
import type { InstanceReader } from '../instance-reader.ts';
import { configDumpReport } from './config-dump-report.ts';
import { pageName, pageReport } from './page-report.ts';
import { refusal } from './report-error.ts';
import { syncReport } from './sync-report.ts';

export interface AnswerOptions {
  readonly reader: InstanceReader;
  readonly systemNamespace: string;
  /** Of this instance, as `istioctl` shows it. */
  readonly controlPlane: string;
}

export interface Asker {
  /** From its certificate or token. */
  readonly namespace: string;
}

/** Pages about one proxy, which its own namespace may read. */
const ownPages: ReadonlySet<string> = new Set(['config_dump', 'edsz', 'ndsz']);

export function answerQuestion({ typeUrl, names }: Question, asker: Asker, options: AnswerOptions): Report | Refusal {
  const seesAll = asker.namespace === options.systemNamespace;
  const { reader } = options;
  const [first, ...more] = names;
  const path = typeUrl.slice(reportType.length + 1);
  if (path === 'syncz') {
    const proxies = reader.proxies().filter(({ namespace }) => seesAll || namespace === asker.namespace);
    return { ...report(syncReport(proxies)), controlPlane: options.controlPlane };
  }
  if (more.length > 0 || (first === undefined && (path === '' || path === 'config_dump'))) {
    return refusal('INVALID_ARGUMENT', `Ask ${typeUrl} with exactly one resource name.`);
  }
  const visible = (proxyId: string): boolean => seesAll || reader.proxy(proxyId)?.namespace === asker.namespace;
  if (path === 'config_dump' && first !== undefined) {
    // Nothing, rather than a refusal: the proxy may be at another replica, which is asked next.
    const dump = visible(first) ? reader.configDump(first) : undefined;
    return report(dump === undefined ? [] : configDumpReport(dump));
  }
  const asked =
    path === '' ? (first ?? '') : `${path}${first === undefined ? '' : `?proxyID=${encodeURIComponent(first)}`}`;
  if (!seesAll) {
    const proxyId = new URLSearchParams(asked.slice(pageName(asked).length + 1)).get('proxyID') ?? '';
    if (!ownPages.has(pageName(asked)) || !visible(proxyId)) {
      return refusal(
        'PERMISSION_DENIED',
        `Namespace ${asker.namespace} may ask ${[...ownPages].join(', ')} about its own proxies; the rest is for ${options.systemNamespace}.`,
      );
    }
  }
  const page = pageReport(reader, asked);
  return 'kind' in page ? page : report(page);
}

function report(resources: readonly ReportResource[]): Report {
  return { kind: 'report', resources };
}

// `istio.io/debug` with the name of a debug page (`clusterz`, `config_dump?proxyID=…`): the JSON of that page.

import type { Refusal, ReportResource } from '../../stream/snapshot-source.ts';
import { reportType } from '../../stream/type-rules.ts';
import { debugPages, pagePaths } from '../debug/pages.ts';
import type { InstanceReader } from '../instance-reader.ts';
import { refusal } from './report-error.ts';

/** The page's name without its query. */
export function pageName(asked: string): string {
  return asked.split('?', 1)[0] ?? '';
}

/** What a page refuses (a proxy that is not connected, say) is its answer, as over HTTP. */
export function pageReport(reader: InstanceReader, asked: string): readonly ReportResource[] | Refusal {
  const page = debugPages.get(pageName(asked));
  if (page === undefined) {
    return refusal(
      'INVALID_ARGUMENT',
      `There is no debug page ${pageName(asked)}; there are ${pagePaths().join(', ')}.`,
    );
  }
  const query = new URLSearchParams(asked.slice(pageName(asked).length + 1));
  const answer = page.render(reader, query);
  const document = answer.kind === 'document' ? answer.document : { error: answer.message };
  const value = Buffer.from(JSON.stringify(document, undefined, query.has('pretty') ? 2 : undefined));
  return [{ name: asked, typeUrl: reportType, value }];
}

// `isthmus why FROM TO`: where requests of a workload to a host go, why not elsewhere, and whether they are let in.

import type { Command } from 'commander';
import type { WhyReport } from '../admin/why-report.ts';
import { renderWhy } from '../admin/why-text.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';

export function whyCommand(): Command {
  return readingCommand('why', 'Say where requests from a workload to a host go, and why not elsewhere.')
    .argument('<from>', 'a connected proxy or a pod: NAME.NAMESPACE')
    .argument('<to>', 'HOST[:PORT][/PATH]; short names are taken from the namespace of FROM')
    .option('-X, --method <method>', 'of the request, where routes or policies look at it')
    .addHelpText('after', '\nExit codes: 0 requests get there; 1 they do not; 2 wrong use, or no instance answers.')
    .action((from: string, to: string, options: ReadingOptions & { readonly method?: string | undefined }) =>
      runReading(async () => {
        const { method } = options;
        const query = new URLSearchParams({ from, to, ...(method === undefined ? {} : { method }) });
        const path = `/api/v1/why?${query.toString()}`;
        const report = await readInstance<WhyReport>(options.http, path);
        const exitCode = report.verdict === 'reachable' ? 0 : 1;
        return { text: options.output === 'json' ? asJson(report) : renderWhy(report), exitCode };
      }),
    );
}

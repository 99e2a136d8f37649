// `isthmus why FROM TO`: where requests of a workload to a host go, and why not elsewhere.

import type { Command } from 'commander';
import type { WhyReport } from '../admin/why-report.ts';
import { renderWhy } from '../admin/why-text.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';

export function whyCommand(): Command {
  return readingCommand('why', 'Say where requests from a workload to a host go, and why not elsewhere.')
    .argument('<from>', 'a connected proxy or a pod: NAME.NAMESPACE')
    .argument('<to>', 'HOST or HOST:PORT; short names are taken from the namespace of FROM')
    .action((from: string, to: string, options: ReadingOptions) =>
      runReading(async () => {
        const path = `/api/v1/why?${new URLSearchParams({ from, to }).toString()}`;
        const report = await readInstance<WhyReport>(options.http, path);
        const exitCode = report.verdict === 'reachable' ? 0 : 1;
        return { text: options.output === 'json' ? asJson(report) : renderWhy(report), exitCode };
      }),
    );
}

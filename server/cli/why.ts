// `isthmus why FROM TO`: where requests of a workload to a host go, why not elsewhere, and whether they are let in.

import type { Command } from 'commander';
import type { WhyReport } from '../admin/why-report.ts';
import { renderWhy } from '../admin/why-text.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';

interface WhyOptions extends ReadingOptions {
  readonly method?: string | undefined;
  readonly header?: readonly string[] | undefined;
}

const exitCodes =
  '\nThe first line tells of an ordinary request, and how many routes depend on what was not said (a header, the path).' +
  '\nExit codes: 0 requests, or part of them, get there; 1 they do not, or there is no such caller; 2 wrong use, or no instance answers.';

function another(value: string, known: readonly string[] = []): readonly string[] {
  return [...known, value];
}

export function whyCommand(): Command {
  return readingCommand('why', 'Say where requests from a workload to a host go, and why not elsewhere.')
    .argument('<from>', 'a connected proxy or a pod: NAME.NAMESPACE')
    .argument('<to>', 'HOST[:PORT][/PATH], or the virtual IP of one; short names are taken from the namespace of FROM')
    .option('-X, --method <method>', 'of the request, where routes or policies look at it')
    .option('-H, --header <header>', "'NAME: VALUE' of the request, 'NAME:' for none; may be repeated", another)
    .addHelpText('after', exitCodes)
    .action((from: string, to: string, options: WhyOptions) =>
      runReading(async () => {
        const { method, header = [] } = options;
        const query = new URLSearchParams({ from, to, ...(method === undefined ? {} : { method }) });
        for (const one of header) query.append('header', one);
        const path = `/api/v1/why?${query.toString()}`;
        const report = await readInstance<WhyReport>(options.http, path);
        const exitCode = report.verdict === 'reachable' ? 0 : 1;
        return { text: options.output === 'json' ? asJson(report) : renderWhy(report), exitCode };
      }),
    );
}

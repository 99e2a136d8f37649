// `isthmus diff -f PATH`: what a running instance would send to whom if these manifests were applied. Nothing is written.

import type { Command } from 'commander';
import { findingText } from '../admin/finding-text.ts';
import type { DiffReport } from '../diff/diff-report.ts';
import { readManifestInputs } from './input-file.ts';
import { asJson, ReadError, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';

interface DiffOptions extends ReadingOptions {
  readonly filename?: readonly string[] | undefined;
  readonly delete?: readonly string[] | undefined;
  readonly prune?: boolean | undefined;
  readonly namespace: string;
  readonly proxy?: string | undefined;
}

const questionTimeoutMs = 120_000;

export function diffCommand(): Command {
  return readingCommand('diff', 'Say what would change for which proxies if manifests were applied.')
    .option(
      '-f, --filename <path>',
      'a directory with nested folders, a file, or - for the standard input; may be given again',
      more,
    )
    .option('--delete <path>', 'manifests of objects that would be deleted; may be given again', more)
    .option(
      '--prune',
      'as if policies and ServiceEntries of these namespaces that are not among the manifests were deleted',
    )
    .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
    .option('--proxy <name>', 'only what this proxy would be sent: NAME.NAMESPACE')
    .addHelpText(
      'after',
      '\nAsk from the host of the instance, or by kubectl port-forward. Nothing is written, and no proxy hears of it.\n' +
        'Exit codes: 0 nothing would change; 1 something would; 2 an object would be refused, wrong use, or no instance answers.',
    )
    .action((options: DiffOptions) => runReading(() => runDiff(options).catch(asFailure)));
}

function more(path: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), path];
}

async function runDiff(options: DiffOptions): Promise<{ readonly text: string; readonly exitCode: 0 | 1 | 2 }> {
  const { filename = [], delete: gone = [], namespace, proxy, prune = false } = options;
  if (filename.length + gone.length === 0) {
    throw new ReadError(2, 'Say which manifests: -f PATH for those to apply, --delete PATH for those to delete.');
  }
  const { diffQuestion } = await import('./diff-question.ts');
  const { renderDiff } = await import('../diff/diff-text.ts');
  const write = await readManifestInputs('-f', filename);
  const deleted = await readManifestInputs('--delete', gone);
  const question = diffQuestion({ write: write.texts, delete: deleted.texts, namespace });
  const query = new URLSearchParams({ ...(proxy === undefined ? {} : { proxy }), ...(prune ? { prune: 'true' } : {}) });
  const report = await readInstance<DiffReport>(options.http, `/api/v1/diff?${query.toString()}`, {
    contentType: 'application/x-ndjson',
    body: question.body,
    timeoutMs: questionTimeoutMs,
  });
  const problems = [...write.problems, ...deleted.problems, ...question.problems];
  const isWrong =
    problems.some(({ severity }) => severity === 'error') || report.objects.some(({ change }) => change === 'refused');
  const exitCode = isWrong ? 2 : report.changes ? 1 : 0;
  if (options.output === 'json') return { text: asJson({ ...report, problems }), exitCode };
  const ofFiles = problems.map((problem) => {
    const { object: _object, ...here } = problem;
    const place = question.placeOf(here);
    return `${place === undefined ? '' : `${place}: `}${problem.severity}: ${findingText(problem)}`;
  });
  return { text: [...ofFiles, renderDiff(report, question)].join('\n'), exitCode };
}

/** Here 1 means that something would change. */
function asFailure(error: unknown): never {
  throw error instanceof ReadError ? new ReadError(2, error.message, { cause: error }) : error;
}

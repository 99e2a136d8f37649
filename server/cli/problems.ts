// `isthmus problems`: everything that an instance finds wrong in the objects of its clusters and between them.

import type { Command } from 'commander';
import type { ListedProblem } from '../admin/problem-list.ts';
import { printable } from '../admin/text-table.ts';
import { problemLine } from './clusters.ts';
import { exitCodeFor } from './problem-report.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';

interface ProblemsOptions extends ReadingOptions {
  readonly warningsAsErrors?: boolean | undefined;
}

export function problemsCommand(): Command {
  return readingCommand('problems', 'Show what is wrong in the objects of the clusters and between them.')
    .option('--warnings-as-errors', 'exit with 1 for warnings, too')
    .addHelpText('after', '\nExit codes: 0 no error; 1 errors were found; 2 wrong use, or no instance answers.')
    .action((options: ProblemsOptions) =>
      runReading(async () => {
        const problems = await readInstance<readonly ListedProblem[]>(options.http, '/api/v1/problems');
        const text = options.output === 'json' ? asJson(problems) : renderProblems(problems);
        return { text, exitCode: exitCodeFor(problems, options.warningsAsErrors ?? false) };
      }),
    );
}

/** One line a finding: `CLUSTER: error PLACE:LINE: OBJECT FIELD: message [code]`. */
export function renderProblems(problems: readonly ListedProblem[]): string {
  if (problems.length === 0) return 'Nothing is wrong.';
  return problems.map((problem) => printable(`${problem.cluster}: ${problemLine(problem)}`)).join('\n');
}

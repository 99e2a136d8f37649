// `isthmus validate -f PATH`: what an instance would say of manifests, without one and without a cluster.

import { Command, Option } from 'commander';
import type { Problem } from '../../discovery/model/problem.ts';
import { findingText } from '../admin/finding-text.ts';
import { printable } from '../admin/text-table.ts';
import type { Validation } from '../validate/validate-manifests.ts';
import { InputError, readInputFile, readManifestInputs } from './input-file.ts';
import { exitCodeFor } from './problem-report.ts';

interface ValidateCommandOptions {
  readonly filename: readonly string[];
  readonly output: 'text' | 'json';
  readonly warningsAsErrors?: boolean | undefined;
  readonly systemNamespace: string;
  readonly trustDomain: string;
  readonly meshConfig?: string | undefined;
}

export function validateCommand(): Command {
  return new Command('validate')
    .description('Check manifests as an instance would: each object, and what does not fit between them.')
    .requiredOption(
      '-f, --filename <path>',
      'a directory with nested folders, a file, or - for the standard input; may be given again',
      (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
    )
    .addOption(new Option('-o, --output <format>', 'json for programs').choices(['text', 'json']).default('text'))
    .option('--warnings-as-errors', 'exit with 1 for warnings, too')
    .option('--system-namespace <name>', 'namespace of the control plane', 'istio-system')
    .option('--trust-domain <domain>', 'trust domain of workload identities', 'cluster.local')
    .option('--mesh-config <file>', 'MeshConfig; a ConfigMap istio among the manifests holds before it')
    .addHelpText(
      'after',
      '\nWhat the manifests refer to must be among them: a host without its Service is a warning.\n' +
        'Exit codes: 0 no error; 1 errors were found; 2 wrong use, or a path can not be read.',
    )
    .action(async (options: ValidateCommandOptions) => {
      // Loaded here so that the other commands start without it.
      const { validateManifests } = await import('../validate/validate-manifests.ts');
      try {
        const { meshConfig: file, systemNamespace, trustDomain } = options;
        const meshConfig =
          file === undefined ? undefined : { place: file, text: await readInputFile('--mesh-config', file) };
        const { texts, problems } = await readManifestInputs('-f', options.filename);
        const validation = validateManifests(texts, { systemNamespace, trustDomain, meshConfig });
        report({ ...validation, problems: [...problems, ...validation.problems] }, options);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        process.stderr.write(`isthmus validate: ${error.message}\n`);
        process.exitCode = 2;
      }
    });
}

function report(validation: Validation, { output, warningsAsErrors = false }: ValidateCommandOptions): void {
  const { problems } = validation;
  const text = output === 'json' ? JSON.stringify(validation, undefined, 2) : renderValidation(validation);
  process.stdout.write(`${text}\n`);
  process.exitCode = exitCodeFor(problems, warningsAsErrors);
}

/** `FILE:LINE: error: OBJECT FIELD: message`, a line for each, then how many. */
export function renderValidation({ objects, problems }: Validation): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const sum = `${counted(objects, 'object')}: ${counted(errors, 'error')}, ${counted(problems.length - errors, 'warning')}`;
  return [...problems.map((problem) => printable(lineOf(problem))), sum].join('\n');
}

function lineOf(problem: Problem): string {
  const { severity, origin } = problem;
  const place = origin === undefined ? '' : `${origin.place}:${String(origin.line ?? 1)}: `;
  return `${place}${severity}: ${findingText(problem)}`;
}

function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

// `npm test`: sets up what the machine lacks, runs every test, and prints the totals alone on the last line. In CI a
// skipped test is a failure, since nobody would see it.

import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { envoyPath } from './support/envoy.ts';
import { helmProgram } from './support/helm.ts';
import { h2specProgram } from './support/http2/h2spec.ts';
import { kubePrograms } from './support/kube.ts';
import { kubectlProgram } from './support/kubectl.ts';
import { ensureSystemTools, labTools } from './support/system-tools.ts';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const reportFile = '.cache/test-report.json';

await ensureSystemTools([...labTools, 'tcpdump']);
await envoyPath();
// Built here on a fresh machine, where its progress can be seen, and not within some test.
await kubePrograms();
await helmProgram();
await kubectlProgram();
await h2specProgram();
await mkdir('.cache', { recursive: true });
const exitCode = await run('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportFile}`,
  ...process.argv.slice(2),
]);

const report: Report = JSON.parse(await readFile(reportFile, 'utf8'));
const skipped = report.numPendingTests + report.numTodoTests;
// A suite that can't even be loaded has no tests to count; it still failed.
const failed =
  report.numFailedTests === 0 && exitCode !== 0 ? Math.max(1, report.numFailedTestSuites) : report.numFailedTests;
const skippedFailure = process.env['CI'] !== undefined && skipped > 0;
if (skippedFailure) process.stdout.write(`${skipped} tests were skipped; in CI that is a failure.\n`);
process.exitCode = exitCode === 0 && !skippedFailure ? 0 : 1;
process.stdout.write(
  `${report.numPassedTests} passed, ${failed + (skippedFailure ? skipped : 0)} failed${skipped > 0 && !skippedFailure ? `, ${skipped} skipped` : ''}\n`,
);

/** Runs a program with this terminal and resolves with its exit code. */
function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

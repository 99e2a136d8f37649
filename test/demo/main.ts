// `npm run demo`: two control planes, two clusters, real Envoys, from nothing to the answer. In: `--keep` leaves everything running
// until Ctrl-C. Out: what was done and seen; exit code 0 when every promise held, 1 when one did not or the start failed.

import { parseArgs } from 'node:util';
import { labSupport, startAgain } from '../support/lab-privileges.ts';
import { ensureSystemTools, labTools } from '../support/system-tools.ts';
import { howToPoke } from './how-to-poke.ts';
import { PromiseBroken } from './promise-broken.ts';
import {
  bothEndsAreIdentified,
  bothVersionsAnswerBoth,
  canaryIsFollowed,
  eachManagesItsOwnCluster,
  networksAreSeparate,
  nothingIsRejected,
} from './promises.ts';
import { ScenarioFailed, startScenario } from './build-scenario.ts';
import type { Scenario } from './scenario.ts';
import { terminalScreen } from './screen.ts';
import type { Screen } from './screen.ts';

const usage = `npm run demo [-- --keep]

Shows a request leave a workload in one cluster and be answered by workloads in both, each cluster run by its own control
plane, over mutual TLS under one root. Everything runs on this machine, in network namespaces, and is removed at the end.

  --keep   leave it running, print how to poke at it, stop on Ctrl-C
`;

type DemoOptions = { readonly keep: boolean };

/** What was asked for; else the exit code of what was not: 0 for help, 2 for an option that does not exist. */
function readOptions(): DemoOptions | number {
  try {
    const { values } = parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
    return values.help === true ? 0 : { keep: values.keep === true };
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n\n`);
    return 2;
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') {
    process.stdout.write(usage);
    return options;
  }
  const screen = terminalScreen();
  const onProgress = (text: string): void => screen.progress(text);
  try {
    await ensureSystemTools(labTools, { onProgress });
    const support = await labSupport();
    if (support.kind === 'impossible') throw new Error(support.reason);
    // Not root: the same command once more, as root of a user namespace of its own.
    if (support.kind === 'start-again') return startAgain(support.prefix);
    const ending = endOnSignal();
    const scenario = await startScenario({ onProgress });
    const code = await keepPromises(scenario, screen);
    if (options.keep) {
      ending.code = code;
      screen.heading('It stays up until Ctrl-C. To poke at it:');
      screen.line(howToPoke(scenario));
      await new Promise(() => {});
    }
    await scenario.dispose({ keepLogs: code === 1 });
    if (code === 1) screen.line(`  logs: ${scenario.logDirectory}`);
    return code;
  } catch (error) {
    screen.broken(error instanceof Error ? error.message : String(error));
    if (error instanceof ScenarioFailed && error.logDirectory !== undefined)
      screen.line(`  logs: ${error.logDirectory}`);
    return 1;
  }
}

// Leaving through `process.exit` lets the scenario remove what it made. The code may be changed until then.
function endOnSignal(): { code: number } {
  const ending = { code: 130 };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(ending.code));
  return ending;
}

async function keepPromises(scenario: Scenario, screen: Screen): Promise<number> {
  screen.progress('everything is up');
  try {
    await bothVersionsAnswerBoth(scenario, screen);
    await eachManagesItsOwnCluster(scenario, screen);
    await nothingIsRejected(scenario, screen);
    await bothEndsAreIdentified(scenario, screen);
    await networksAreSeparate(scenario, screen);
    await canaryIsFollowed(scenario, screen);
    await nothingIsRejected(scenario, screen);
    screen.heading(`Every promise was kept, in ${screen.elapsedSeconds.toFixed(1)} s.`);
    return 0;
  } catch (error) {
    if (error instanceof PromiseBroken) {
      screen.broken(`promise broken: ${error.promise}`);
      screen.line(`    instead: ${error.seen}`);
    } else screen.broken(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

process.exitCode = await main();

// Findings about objects in the log: each once when it appears, and once when it is gone.

import { expect, test } from 'vitest';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import { ProblemLog } from '../../../server/problem-log.ts';
import { memoryLog } from '../../support/memory-log.ts';

function finding(line: number): Problem {
  return { severity: 'error', code: 'not-an-object', field: '', origin: { place: 'a.yaml', line }, message: 'not one' };
}

function withFindings(...problems: readonly Problem[]): ClusterStatus {
  return {
    clusterId: clusterId('cluster-1'),
    network: networkId(''),
    mode: 'primary',
    phase: 'running',
    services: 0,
    endpoints: 0,
    problems,
    conditions: [],
  };
}

test('two equal findings of one file are both logged, and not again when their lines shift', () => {
  const { log, lines } = memoryLog();
  const problems = new ProblemLog(log);

  problems.update(withFindings(finding(3), finding(7)));
  problems.update(withFindings(finding(4), finding(8)));
  problems.update(withFindings(finding(4)));

  expect(lines.map(({ msg, line }) => [msg, line])).toEqual([
    ['not one', 3],
    ['not one', 7],
    ['the finding is resolved', 8],
  ]);
});

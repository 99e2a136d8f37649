import { afterEach, expect, test, vi } from 'vitest';
import { superviseEnvoy } from '../../../agent/envoy/envoy-supervisor.ts';
import { systemClock } from '../../../ca/clock.ts';

afterEach(() => vi.unstubAllEnvs());

test('Envoy gets the environment of the agent, and not the memory allocator of the image', async () => {
  vi.stubEnv('LD_PRELOAD', '');
  vi.stubEnv('MALLOC_CONF', 'narenas:2');
  vi.stubEnv('OF_THE_POD', 'yes');
  const kill = new AbortController();
  const lines: string[] = [];
  await superviseEnvoy(
    {
      program: 'sh',
      args: ['-c', 'echo "${LD_PRELOAD-none} ${MALLOC_CONF-none} $OF_THE_POD"; exec sleep 30'],
      owner: undefined,
      adminPort: 1,
      drainMs: 0,
      drainUntilIdle: false,
      ownPorts: [],
      drainScope: 'inbound',
      clock: systemClock,
      random: () => 0.5,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      onLine: (line) => {
        lines.push(line);
        kill.abort();
      },
    },
    { stop: new AbortController().signal, kill: kill.signal },
  );
  expect(lines).toEqual(['none none yes']);
});

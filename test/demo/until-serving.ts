// Waits until a program in a lab host answers a page with 200, or ends. In: the host, the program and the page. Out: nothing, or an
// error with the program's last words.

import type { LabHost } from '../support/netns.ts';
import type { RunningProcess } from '../support/process.ts';

export type Serving = {
  readonly host: LabHost;
  readonly program: RunningProcess;
  readonly url: string;
};

const attempts = 900;

// One shell asks again and again: entering the namespace for every question would take more of the machine than what is waited for.
const askAgain = `for attempt in $(seq ${attempts}); do
  test "$(curl -s --noproxy '*' --max-time 5 -o /dev/null -w '%{http_code}' "$1")" = 200 && exit 0
  sleep 0.1
done
exit 1`;

export async function untilServing({ host, program, url }: Serving): Promise<void> {
  const page = host.exec(['sh', '-c', askAgain, 'sh', url], { timeoutMs: 150_000 }).then(({ code }) => code === 0);
  const ended = program.exited.then(() => false);
  if (await Promise.race([page, ended])) return;
  const what = program.running ? `does not answer ${url} with 200` : 'ended';
  const lastWords = program.output.split('\n').slice(-5).join('\n');
  throw new Error(`${program.name} ${what}; it says last:\n${lastWords}`);
}

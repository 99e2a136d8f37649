// A sidecar that loses its control plane while that lives on: its connections are reset, and while it is cut off new ones are refused.
// In: the sidecar's host. Out: how many connections were reset; disposing mends it.

import type { LabHost } from '../support/netns.ts';

const port = '15012';
const reset = ['-j', 'REJECT', '--reject-with', 'tcp-reset'];
// A reset is let out: the control plane is to learn at once that the connection has ended.
const refusals = [
  ['OUTPUT', '-p', 'tcp', '--dport', port, '!', '--tcp-flags', 'RST', 'RST', ...reset],
  ['INPUT', '-p', 'tcp', '--sport', port, ...reset],
];

/** Resets what is open between this sidecar and its control plane; it may connect again at once. */
export async function resetConnections(host: LabHost): Promise<number> {
  const killed = await host.execOrThrow(['ss', '-K', '-H', '-t', '-n', `dport = :${port}`]);
  return killed.stdout.split('\n').filter((line) => line.trim() !== '').length;
}

/** Resets what is open and refuses what is tried, until the result is disposed of. */
export async function cutOff(host: LabHost): Promise<AsyncDisposable & { readonly connections: number }> {
  for (const rule of refusals) await host.execOrThrow(['iptables', '-w', '-I', ...rule]);
  const connections = await resetConnections(host);
  return {
    connections,
    async [Symbol.asyncDispose]() {
      for (const rule of refusals) await host.execOrThrow(['iptables', '-w', '-D', ...rule]);
    },
  };
}

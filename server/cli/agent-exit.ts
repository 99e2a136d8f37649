// What a failure of the agent or of its redirection rules means for whoever started it: an exit code for each kind.

import { AgentError } from '../../agent/agent-error.ts';
import type { AgentErrorCode } from '../../agent/agent-error.ts';

const exitCodes: Readonly<Record<AgentErrorCode, number>> = {
  'invalid-options': 2,
  'unreadable-file': 3,
  'socket-unavailable': 4,
  'envoy-not-startable': 5,
  'certificate-refused': 6,
  'authority-unreachable': 6,
  'interception-failed': 7,
  'program-missing': 8,
  'not-permitted': 9,
  'not-intercepted': 126, // As `istio-iptables` has it: repair controllers look for it.
};

/** After a second signal, as a shell would show a program that Ctrl-C ended. */
export const killedExitCode = 130;

/** Runs a command; its AgentError is told by `tell` and becomes the exit code. Any other error is a fault and passes. */
export async function withExitCode(command: () => Promise<void>, tell: (error: AgentError) => void): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    tell(error);
    process.exitCode = exitCodes[error.code];
  }
}

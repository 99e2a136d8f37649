#!/usr/bin/env node
// The `isthmus` command: argv to one sub-command. Exit codes: 0 done, 1 failed or negative answer, 2 wrong use.

import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { caCommand } from './cli/ca.ts';
import { clustersCommand } from './cli/clusters.ts';
import { diffCommand } from './cli/diff.ts';
import { endpointsCommand } from './cli/endpoints.ts';
import { agentCommand } from './cli/agent.ts';
import { injectCommand } from './cli/inject.ts';
import { iptablesCommand } from './cli/iptables.ts';
import { problemsCommand } from './cli/problems.ts';
import { proxiesCommand } from './cli/proxies.ts';
import { remoteSecretCommand } from './cli/remote-secret.ts';
import { serveCommand } from './cli/serve.ts';
import { validateCommand } from './cli/validate.ts';
import { whyCommand } from './cli/why.ts';
import { wrongUse } from './cli/wrong-options.ts';

const program = new Command('isthmus')
  .description('A multi-primary xDS control plane for Envoy.')
  .version(packageJson.version)
  .addCommand(serveCommand())
  .addCommand(agentCommand())
  .addCommand(caCommand())
  .addCommand(remoteSecretCommand())
  .addCommand(injectCommand())
  .addCommand(validateCommand())
  .addCommand(diffCommand())
  .addCommand(iptablesCommand())
  .addCommand(clustersCommand())
  .addCommand(problemsCommand())
  .addCommand(proxiesCommand())
  .addCommand(endpointsCommand())
  .addCommand(whyCommand());

// `isthmus … | head` wants no more than it has read.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

for (const command of withSubcommands(program)) command.exitOverride();
try {
  const wrong = wrongUse(program, process.argv.slice(2));
  if (wrong !== undefined) wrong.command.error(wrong.message);
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has said what is wrong, or shown the help that was asked for.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((inner) => withSubcommands(inner))];
}

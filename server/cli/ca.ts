// `isthmus ca`: the offline part of the certificate authority. Registers its sub-commands.
import { Command } from 'commander';
import { caInitCommand } from './ca-init.ts';
import { caIssueCommand } from './ca-issue.ts';

export function caCommand(): Command {
  return new Command('ca')
    .description('Make the root of a mesh, and an intermediate for each instance.')
    .addCommand(caInitCommand())
    .addCommand(caIssueCommand());
}

// The `agent` command as a program of its own.

import { agentCommand } from '../../../server/cli/agent.ts';

await agentCommand().parseAsync();

// The `iptables` command as a program of its own, for hosts of the lab.

import { iptablesCommand } from '../../../server/cli/iptables.ts';

await iptablesCommand().parseAsync();

// Runs one `isthmus ca` command: its sentence to the standard output, a failure to the standard error with exit code 1,
// wrong use with exit code 2.
import { CaError } from '../../ca/ca-error.ts';
import { ConfigError } from '../config.ts';

export async function runCaCommand(name: string, run: () => Promise<string | CaError>): Promise<void> {
  try {
    const result = await run();
    if (!(result instanceof CaError)) {
      process.stdout.write(`${result}\n`);
      return;
    }
    process.stderr.write(`isthmus ca ${name}: ${result.message}\n`);
    process.exitCode = 1;
  } catch (error) {
    // What is left is the file system's refusal (no permission, no space), which says it in its message.
    const isExpected = error instanceof ConfigError || (error instanceof Error && 'syscall' in error);
    if (!isExpected) throw error;
    process.stderr.write(`isthmus ca ${name}: ${error.message}\n`);
    process.exitCode = error instanceof ConfigError ? 2 : 1;
  }
}

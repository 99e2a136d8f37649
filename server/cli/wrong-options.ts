// What is wrong with how a command was called, told before what is missing: of an option that was misspelt the name is wanted, not
// the sentence that the right one is required. In: the program and its arguments. Out: the command and the sentence, or nothing.

import type { Command, Option } from 'commander';

export interface WrongUse {
  readonly command: Command;
  readonly message: string;
}

/** `args`: without the program's own name. */
export function wrongUse(program: Command, args: readonly string[]): WrongUse | undefined {
  const { command, rest } = calledCommand(program, args);
  if (command.commands.length > 0 || rest.some((arg) => arg === '-h' || arg === '--help')) return undefined;
  const operands: string[] = [];
  const given = new Set<Option>();
  for (let index = 0; index < rest.length; index += 1) {
    const arg = rest[index] ?? '';
    if (arg === '--') break;
    if (!arg.startsWith('-') || arg === '-') {
      operands.push(arg);
      continue;
    }
    const option = command.options.find((one) => isNamed(one, arg));
    if (option === undefined) return { command, message: unknownText(command, arg) };
    given.add(option);
    const hasOwnValue = arg.includes('=') || (!arg.startsWith('--') && arg.length > 2);
    if (option.required && !hasOwnValue) index += 1;
  }
  const manifests = command.options.find(({ long }) => long === '--filename');
  const [first] = operands;
  if (manifests === undefined || given.has(manifests) || first === undefined) return undefined;
  return { command, message: `error: name the manifests with -f: ${nameOf(command)} -f ${first}` };
}

function calledCommand(
  program: Command,
  args: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
  const [name, ...rest] = args;
  const inner = program.commands.find((one) => one.name() === name);
  return inner === undefined ? { command: program, rest: args } : calledCommand(inner, rest);
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function isNamed({ long, short }: Option, arg: string): boolean {
  const [name = ''] = arg.split('=');
  return name === long || name === short || (!arg.startsWith('--') && arg.slice(0, 2) === short);
}

function unknownText(command: Command, arg: string): string {
  const [name = ''] = arg.split('=');
  const close = command.options.flatMap(({ long }) => long ?? []).filter((long) => isClose(long, name));
  const hint =
    close.length === 0 ? `${nameOf(command)} --help lists those that there are.` : `Close: ${close.join(', ')}.`;
  return `error: unknown option '${name}'. ${hint}`;
}

/** One begins with the other, or both do with the same four letters. */
function isClose(long: string, name: string): boolean {
  return name.length > 3 && (long.startsWith(name) || name.startsWith(long) || long.slice(0, 6) === name.slice(0, 6));
}

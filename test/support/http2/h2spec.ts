// h2spec, an independent judge of HTTP/2 servers, built from its Go module. In: a port of a server. Out: the rules it breaks.
// Its version judges by RFC 7540 and RFC 7541.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { goProgram } from '../go-program.ts';
import { run } from '../process.ts';

export interface Judged {
  readonly port: number;
  /** The requested path. */
  readonly path: string;
  readonly tls?: boolean;
}

export interface Judgement {
  /** Rules that were tried. */
  readonly tried: number;
  /** Those that could not be tried, such as one that needs a body that the server does not send. `SECTION: CASE`. */
  readonly skipped: readonly string[];
  readonly broken: readonly BrokenRule[];
}

export interface BrokenRule {
  /** `SECTION: CASE` */
  readonly rule: string;
  /** What was expected, and in the last line what came. */
  readonly why: string;
}

/** Seconds in which the server has to answer what it must answer. */
const patience = '2';

const moduleDirectory = resolve(import.meta.dirname, '../../h2spec');

/** Its path, built into `.cache/` in the version of test/h2spec/go.mod when it is not there yet (once, a minute). */
export async function h2specProgram(): Promise<string> {
  const module = await readFile(join(moduleDirectory, 'go.mod'), 'utf8');
  const version = /summerwind\/h2spec v([0-9.]+)/.exec(module)?.[1];
  if (version === undefined) throw new Error('test/h2spec/go.mod names no version of h2spec');
  return await goProgram({
    name: `h2spec-${version}`,
    directory: moduleDirectory,
    package: 'github.com/summerwind/h2spec/cmd/h2spec',
    takes: 'one minute',
    advice: 'install Go 1.26 or newer',
  });
}

/** All its cases, the strict ones too. Rejects when it could not judge at all. */
export async function judge({ port, path, tls = false }: Judged): Promise<Judgement> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-h2spec-'));
  try {
    const report = join(directory, 'report.xml');
    const target = ['--host', '127.0.0.1', '--port', String(port), '--path', path, ...(tls ? ['-t', '-k'] : [])];
    const how = ['--strict', '--timeout', patience, '--junit-report', report];
    const { stdout, stderr } = await run([await h2specProgram(), ...target, ...how], { timeoutMs: 240_000 });
    const xml = await readFile(report, 'utf8').catch(() => '');
    const judgement = readReport(xml);
    if (judgement.tried === 0) throw new Error(`h2spec tried nothing: ${stderr}${stdout.slice(-2000)}`);
    return judgement;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** JUnit's format, as h2spec writes it: one line or element a case. */
function readReport(xml: string): Judgement {
  const cases = [...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)];
  const all = cases.map(([, section = '', name = '', inside = '']) => ({
    rule: `${section}: ${plain(name)}`,
    skipped: inside.includes('<skipped>'),
    why: /<(?:failure|error)>([\s\S]*?)<\/(?:failure|error)>/.exec(inside)?.[1],
  }));
  return {
    tried: all.filter(({ skipped }) => !skipped).length,
    skipped: all.filter(({ skipped }) => skipped).map(({ rule }) => rule),
    broken: all.flatMap(({ rule, why }) => (why === undefined ? [] : [{ rule, why: plain(why) }])),
  };
}

function plain(text: string): string {
  return text
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#xA;', '\n')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

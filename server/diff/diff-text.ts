// A report of what would change as text for people: what matters first, lists cut.

import { printable } from '../admin/text-table.ts';
import { findingText } from '../admin/finding-text.ts';
import { parseObjectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { DiffObject, DiffProxies, DiffReport, DiffResource } from './diff-report.ts';
import { shownChange } from './shown-value.ts';
import { sameness, type ToldChange } from './tell-once.ts';

export interface DiffTextOptions {
  /** `FILE:LINE` of a finding, where it is known. */
  readonly placeOf: (problem: Problem) => string | undefined;
}

const shown = { resources: 20, fields: 8, proxies: 5, groups: 10, findings: 20, objects: 40, causes: 3 } as const;

export function renderDiff(report: DiffReport, { placeOf }: DiffTextOptions): string {
  const lines = [
    report.summary,
    ...objectLines(report),
    ...findingLines(report, placeOf),
    ...section('proxies', cut(report.proxies, shown.groups, report.moreProxies, 'groups').map(groupLine)),
    ...section('resources', resourceLines(report)),
    ...report.remarks.map((remark) => `note: ${remark}`),
  ];
  return lines.map(printable).join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

const words: Readonly<Record<DiffObject['change'], string>> = {
  added: 'new',
  changed: 'changed',
  unchanged: 'unchanged',
  removed: 'deleted',
  absent: 'not there, so nothing is deleted',
  refused: 'REFUSED, so that it is not obeyed',
  'passed-over': 'counts once it runs',
  'not-looked-at': 'not looked at',
};

/** What changes or is wrong first. */
const objectOrder: readonly DiffObject['change'][] = [
  'refused',
  'added',
  'changed',
  'removed',
  'absent',
  'unchanged',
  'passed-over',
  'not-looked-at',
];

function objectLines({ objects }: DiffReport): readonly string[] {
  const lines = objectOrder
    .flatMap((one) => objects.filter(({ change }) => change === one))
    .map(({ object, change, findings }) => {
      const closes = change === 'refused' && findings.some(({ code }) => code === 'denies-everything');
      return `${objectText(object)}: ${closes ? 'REFUSED, so that everything is denied where it holds' : words[change]}`;
    });
  return section('objects', cut(lines, shown.objects, 0, 'objects').map(String));
}

/** `KIND/NAMESPACE/NAME`, `KIND/NAME` of what is in no namespace. */
function objectText(key: ObjectKey): string {
  const { kind, namespace, name } = parseObjectKey(key);
  return [kind, namespace, name].filter((part) => part !== '').join('/');
}

function findingLines({ objects, findings }: DiffReport, placeOf: DiffTextOptions['placeOf']): readonly string[] {
  const own = objects.flatMap((object) => object.findings);
  const known = new Set(own.map(identity));
  const others = findings.added.filter((problem) => !known.has(identity(problem)));
  const line = (problem: Problem): string => {
    const place = placeOf(problem);
    return `${place === undefined ? '' : `${place}: `}${problem.severity}: ${findingText(problem)}`;
  };
  return [
    ...section('findings', cut([...own, ...others].map(line), shown.findings, 0, 'findings').map(String)),
    ...section('no longer wrong', cut(findings.gone.map(line), shown.findings, 0, 'findings').map(String)),
  ];
}

function identity({ code, object, field, message }: Problem): string {
  return JSON.stringify([code, object, field, message]);
}

function groupLine(group: DiffProxies | string): string {
  if (typeof group === 'string') return group;
  const counts = Object.entries(group.resources).map(([type, count]) => `${String(count)} ${type}`);
  return `${namesText(group.proxies, group.proxyCount)}: ${counts.join(', ')}`;
}

function resourceLines({ resources, moreResources }: DiffReport): readonly string[] {
  const first = new Map<string, string>();
  return cut(resources, shown.resources, moreResources, 'resources').flatMap((resource) => {
    if (typeof resource === 'string') return [resource];
    const { type, name, fields, moreFields } = resource;
    if (fields.length === 0) return [headLine(resource)];
    const key = JSON.stringify([type, fields.map((field) => [sameness(field), field.morePlaces]), moreFields]);
    const known = first.get(key);
    if (known !== undefined) return [headLine(resource), `  the same as in ${known} above`];
    first.set(key, name);
    return [headLine(resource), ...fieldLines(resource)];
  });
}

function headLine({ type, name, change, proxies, proxyCount, causes }: DiffResource): string {
  const some = causes.slice(0, shown.causes).map(objectText).join(', ');
  const from = causes.length === 0 ? '' : `, from ${some}${causes.length > shown.causes ? ' …' : ''}`;
  return `${change} ${type} ${name} (${namesText(proxies, proxyCount)}${from})`;
}

function fieldLines({ fields, moreFields }: DiffResource): readonly string[] {
  return cut(fields, shown.fields, moreFields, 'fields').map((field) =>
    typeof field === 'string' ? `  ${field}` : `  ${fieldLine(field)}`,
  );
}

/** `PATH: OLD → NEW`. */
function fieldLine({ path, before, after, morePlaces = 0 }: ToldChange): string {
  const also = morePlaces === 0 ? '' : ` (and in ${String(morePlaces)} more ${morePlaces === 1 ? 'place' : 'places'})`;
  return `${path}: ${shownChange(before, after)}${also}`;
}

function namesText(names: readonly string[], count: number): string {
  const some = names.slice(0, shown.proxies);
  const more = count - some.length;
  return `${some.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
}

/** The first ones, then how many follow. `beyond`: those that are not in the list. */
function cut<T>(list: readonly T[], limit: number, beyond: number, noun: string): readonly (T | string)[] {
  const more = Math.max(0, list.length - limit) + beyond;
  if (more === 0) return list;
  const rest = more === 1 ? `1 more of the ${noun}; -o json has it` : `${String(more)} more ${noun}; -o json has them`;
  return [...list.slice(0, limit), `… and ${rest}`];
}

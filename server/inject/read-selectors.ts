// A list of label selectors of the injection's configuration, checked. Errors name the element.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { InjectError } from './inject-error.ts';
import { mappingAt, mappingsAt, scalarAt, textsAt, type Mapping } from './json-value.ts';
import type { LabelExpression, LabelSelector } from './label-selector.ts';

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Errors: `invalid-settings`. */
export function readSelectors(config: Mapping, field: string): readonly LabelSelector[] | InjectError {
  const list = config[field];
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list) || !list.every((each: unknown) => isMapping(each))) {
    return wrong(field, 'is not a list of label selectors');
  }
  const selectors: LabelSelector[] = [];
  for (const [index, each] of mappingsAt(list).entries()) {
    const expressions: LabelExpression[] = [];
    for (const expression of mappingsAt(each, 'matchExpressions')) {
      const operator = operators.find((known) => known === expression['operator']);
      const key = scalarAt(expression, 'key');
      if (operator === undefined || key === undefined) {
        return wrong(`${field}[${String(index)}]`, `needs a key and one of the operators ${operators.join(', ')}`);
      }
      const values = expression['values'];
      expressions.push({
        key,
        operator,
        values: Array.isArray(values) ? values.filter((value: unknown) => typeof value === 'string') : [],
      });
    }
    selectors.push({ matchLabels: textsAt(mappingAt(each, 'matchLabels')), matchExpressions: expressions });
  }
  return selectors;
}

function wrong(field: string, reason: string): InjectError {
  return new InjectError('invalid-settings', `${field} ${reason}.`);
}

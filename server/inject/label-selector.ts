// A Kubernetes label selector. In: `matchLabels` and `matchExpressions`, and labels. Out: whether it selects them.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelExpression[];
}

export interface LabelExpression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

/** An empty selector selects everything. */
export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (Object.entries(matchLabels).some(([key, value]) => labels[key] !== value)) return false;
  return matchExpressions.every((expression) => matchesExpression(expression, labels[expression.key]));
}

function matchesExpression({ operator, values = [] }: LabelExpression, value: string | undefined): boolean {
  const isPresent = value !== undefined;
  if (operator === 'Exists') return isPresent;
  if (operator === 'DoesNotExist') return !isPresent;
  return (isPresent && values.includes(value)) === (operator === 'In');
}

export function isEmptySelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

// Who may see an exported object and which host names a pattern covers, for the layers that look through views.

export { hostMatches, isVisible, labelsMatch, policySelects } from '../../discovery/mesh/visibility.ts';

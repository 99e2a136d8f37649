// What a destination does with a caller: the mode of mutual TLS and the policies in force there, and which rule of which policy lets the
// request in or not. In: the endpoints of a destination, and who asks. Out: one entry for workloads that decide alike.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { mtlsModesOf } from '../../discovery/mesh/mtls-mode.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { AuthorizationPolicy, MtlsMode, TrafficPolicy } from '../../discovery/model/policy.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { securityPoliciesFor } from '../view/security-policies.ts';
import { labelsMatch, policySelects } from '../view/visibility.ts';
import { some, type Decision } from './decision.ts';
import { ruleMatches, type Caller } from './judge-caller.ts';
import type { UsedEndpoint } from './explain-endpoints.ts';
import type { AskedRequest } from './match-request.ts';
import { roundPercent, type WhyAccess } from './why-report.ts';

export interface AccessQuestion {
  readonly mesh: MeshSnapshot;
  readonly proxy: Proxy;
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly request: AskedRequest;
  /** What the DestinationRule says of connections. */
  readonly traffic: TrafficPolicy;
  /** Those that are used. */
  readonly endpoints: readonly UsedEndpoint[];
}

const maxWorkloads = 5;

export function explainAccess(question: AccessQuestion): readonly WhyAccess[] {
  const { mesh, endpoints, service } = question;
  if (service.entry?.isExternal === true) return [];
  const groups = new Map<string, { readonly access: Access; readonly used: UsedEndpoint[] }>();
  for (const one of endpoints) {
    const { endpoint } = one;
    const access = endpoint.clusterId === mesh.primary ? accessTo(endpoint, question) : elsewhere(endpoint, question);
    const key = JSON.stringify(access);
    const group = groups.get(key) ?? { access, used: [] };
    group.used.push(one);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ access, used }) => ({
    ...access,
    workloads: used
      .slice(0, maxWorkloads)
      .map(({ endpoint: { workload } }) => `${workload.name}.${workload.namespace}`),
    count: used.length,
    percent: roundPercent(used.reduce((sum, { percent }) => sum + percent, 0)),
  }));
}

type Access = Omit<WhyAccess, 'workloads' | 'count' | 'percent'>;

function elsewhere(endpoint: Endpoint, question: AccessQuestion): Access {
  return {
    clusterId: endpoint.clusterId,
    connection: connectionTo(endpoint, 'permissive', question),
    verdict: 'unknown',
    reasons: [`the policies of ${endpoint.clusterId} are its own, and only its instance knows them`],
    policies: [],
  };
}

function accessTo(endpoint: Endpoint, question: AccessQuestion): Access {
  const { mesh, port } = question;
  const workload = { namespace: endpoint.workload.namespace, labels: endpoint.labels };
  const targetPort = endpoint.ports[port.name] ?? port.port;
  const { clusterId } = endpoint;
  if (endpoint.tlsMode !== 'istio') {
    const connection = connectionTo(endpoint, 'disable', question);
    const reasons = ['it has no sidecar, so that nobody enforces a policy there'];
    return { clusterId, connection, verdict: 'allowed', reasons, policies: [] };
  }
  const { defaultMode, portModes } = mtlsModesOf(workload, mesh);
  const mode = portModes.get(targetPort) ?? defaultMode;
  const connection = connectionTo(endpoint, mode, question);
  const mtlsPolicy = decidingPolicy(workload, targetPort, mesh);
  const known = { clusterId, mtlsMode: mode, ...(mtlsPolicy === undefined ? {} : { mtlsPolicy }), connection };
  if (mode === 'strict' && connection !== 'mtls') {
    const reasons = [
      `it takes mutual TLS alone (${mtlsPolicy ?? 'STRICT'}), and this is ${connectionText(connection)}`,
    ];
    return { ...known, verdict: 'denied', reasons, policies: [] };
  }
  if (mode === 'disable' && connection === 'mtls') {
    const reasons = [`it takes plain text alone (${mtlsPolicy ?? 'DISABLE'}), and this is mutual TLS`];
    return { ...known, verdict: 'denied', reasons, policies: [] };
  }
  return { ...known, ...authorization(endpoint, targetPort, { question, connection }) };
}

function connectionText(connection: WhyAccess['connection']): string {
  return connection === 'plaintext' ? 'plain text' : "TLS of the destination's own";
}

/** What the caller's proxy speaks to it. */
function connectionTo(
  { tlsMode }: Endpoint,
  mode: MtlsMode,
  { traffic, mesh, service }: AccessQuestion,
): WhyAccess['connection'] {
  switch (traffic.tls?.mode) {
    case 'disable':
      return 'plaintext';
    case 'simple':
    case 'mutual':
      return 'tls';
    case 'istio-mutual':
      return 'mtls';
    case undefined:
    default: {
      const isAutomatic = mesh.config.enableAutoMtls && service.entry?.isExternal !== true;
      return isAutomatic && tlsMode === 'istio' && mode !== 'disable' ? 'mtls' : 'plaintext';
    }
  }
}

interface Workload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The PeerAuthentication that says the mode; undefined when none does. */
function decidingPolicy(workload: Workload, port: number, { policies, config }: MeshSnapshot): ObjectKey | undefined {
  const own = policies.peerAuthentications.filter(({ namespace }) => namespace === workload.namespace);
  const ofWorkload = own.find((policy) => !isWide(policy) && labelsMatch(policy.selector, workload.labels));
  if (ofWorkload?.portModes.has(port) === true) return ofWorkload.source;
  const ofMesh = policies.peerAuthentications.find(
    (policy) => isWide(policy) && policy.namespace === config.rootNamespace,
  );
  return [ofWorkload, own.find(isWide), ofMesh].find((policy) => policy?.mode !== undefined)?.source;
}

function isWide({ selector }: { readonly selector: object }): boolean {
  return Object.keys(selector).length === 0;
}

interface Arrival {
  readonly question: AccessQuestion;
  readonly connection: WhyAccess['connection'];
}

function authorization(
  endpoint: Endpoint,
  targetPort: number,
  { question, connection }: Arrival,
): Pick<WhyAccess, 'verdict' | 'reasons' | 'policies'> {
  const { mesh, proxy, port, request } = question;
  const workload = { namespace: endpoint.workload.namespace, labels: endpoint.labels };
  const { authorization: policies } = securityPoliciesFor(workload, mesh);
  const tokens = mesh.policies.requestAuthentications.filter(
    (policy) =>
      (policy.namespace === workload.namespace || policy.namespace === mesh.config.rootNamespace) &&
      policySelects(policy, workload),
  );
  const { trustDomain } = mesh.config;
  const base: Caller = {
    ...(connection === 'mtls'
      ? { identity: { trustDomain, namespace: proxy.namespace, account: proxy.serviceAccount } }
      : {}),
    ...(endpoint.network === proxy.network ? { address: proxy.addresses[0] ?? '' } : {}),
    request,
    targetPort,
    targetAddress: endpoint.address,
    readsTokens: tokens.length > 0,
  };
  const isRead = isHttp(port.protocol);
  const callerFor = ({ action }: AuthorizationPolicy): Caller =>
    isRead ? base : { ...base, untold: action === 'allow' ? 'never' : 'matches' };
  const judged = judge(policies, callerFor);
  const tokenReasons =
    isRead && judged.verdict !== 'denied'
      ? tokens.map(({ source, failClosed }) =>
          failClosed
            ? `${source} is invalid, and refuses every token until it is mended: \`isthmus problems\` tells why`
            : `a token that ${source} does not accept is refused; none is needed for it`,
        )
      : [];
  return {
    verdict: judged.verdict,
    reasons: [...judged.reasons, ...tokenReasons],
    policies: [...policies.map(({ source }) => source), ...tokens.map(({ source }) => source)],
  };
}

/** CUSTOM asks first, then DENY, then ALLOW: as Envoy's filters stand. */
function judge(
  policies: readonly AuthorizationPolicy[],
  callerFor: (policy: AuthorizationPolicy) => Caller,
): Pick<WhyAccess, 'verdict' | 'reasons'> {
  const inForce = policies.filter(({ dryRun }) => !dryRun);
  const reasons = policies.flatMap(({ dryRun, source }) =>
    dryRun ? [`${source} is a dry run: what it would decide is only counted`] : [],
  );
  const of = (action: AuthorizationPolicy['action']): readonly Judged[] =>
    inForce.filter((policy) => policy.action === action).map((policy) => judgePolicy(policy, callerFor(policy)));
  let isOpen = false;
  for (const { policy, decision, rule } of of('custom')) {
    if (decision.kind === 'no') continue;
    isOpen = true;
    const when = decision.kind === 'yes' ? '' : ` when ${decision.on.join(', ')} fits`;
    reasons.push(`${ruleText(policy, rule)} asks provider ${policy.provider ?? '(none)'}${when}, which decides`);
  }
  for (const { policy, decision, rule } of of('deny')) {
    if (decision.kind === 'yes') return { verdict: 'denied', reasons: [...reasons, denialText(policy, rule)] };
    if (decision.kind === 'no') continue;
    isOpen = true;
    reasons.push(`${ruleText(policy, rule)} denies it, depending on ${decision.on.join(', ')}`);
  }
  const allowing = of('allow');
  if (allowing.length === 0) {
    if (inForce.every(({ action }) => action === 'audit')) reasons.push('no AuthorizationPolicy is in force there');
    else reasons.push('no ALLOW policy is in force there, so whatever is not denied is let in');
    return { verdict: isOpen ? 'depends' : 'allowed', reasons };
  }
  const letting = allowing.find(({ decision }) => decision.kind === 'yes');
  if (letting !== undefined) {
    reasons.push(`${ruleText(letting.policy, letting.rule)} allows it`);
    return { verdict: isOpen ? 'depends' : 'allowed', reasons };
  }
  const perhaps = allowing.filter(({ decision }) => decision.kind === 'depends');
  for (const { policy, decision, rule } of perhaps) {
    const on = decision.kind === 'depends' ? decision.on.join(', ') : '';
    reasons.push(`${ruleText(policy, rule)} allows it, depending on ${on}`);
  }
  if (perhaps.length > 0) return { verdict: 'depends', reasons };
  const names = allowing.map(({ policy }) => policy.source).join(', ');
  reasons.push(`no rule of ${names} matches this caller and request, and what no ALLOW policy allows is denied`);
  return { verdict: 'denied', reasons };
}

interface Judged {
  readonly policy: AuthorizationPolicy;
  readonly decision: Decision;
  /** The first rule that decides. */
  readonly rule: number | undefined;
}

function judgePolicy(policy: AuthorizationPolicy, caller: Caller): Judged {
  const each = policy.rules.map((rule) => ruleMatches(rule, caller));
  const decision = some(each);
  const index = each.findIndex(({ kind }) => kind === decision.kind);
  return { policy, decision, rule: decision.kind === 'no' || index < 0 ? undefined : index };
}

function denialText(policy: AuthorizationPolicy, rule: number | undefined): string {
  return policy.failClosed
    ? `${policy.source} is invalid, and denies everything until it is mended: \`isthmus problems\` tells why`
    : `${ruleText(policy, rule)} denies it`;
}

/** Counted from 1. */
function ruleText({ source }: AuthorizationPolicy, rule: number | undefined): string {
  return rule === undefined ? source : `rule ${String(rule + 1)} of ${source}`;
}

// The injection webhook of an instance: its port, the settings that it goes by, and which configurations of API servers name it. In: the
// instance's parts. Out: nothing; it runs until the instance stops.

import { systemClock } from '../ca/clock.ts';
import type { Issuer } from '../ca/issuer.ts';
import { serverDnsNames } from '../ca/server-dns-names.ts';
import { backOffMs } from '../discovery/source/kube/back-off.ts';
import { KubeError } from '../discovery/source/kube/kube-error.ts';
import { ConfigError, type ServeConfig } from './config.ts';
import type { AdmissionQuestion } from './inject/admission-review.ts';
import type { DeclaredProxyConfigs } from './inject/declared-proxy-config.ts';
import { InjectionMetrics } from './inject/injection-metrics.ts';
import type { InstanceFacts } from './inject/injection-settings.ts';
import { InjectionState, type InjectionTexts } from './inject/injection-state.ts';
import { readMeshText } from './inject/mesh-text.ts';
import { webhookHandler } from './inject/webhook-handler.ts';
import { openWebhookServer } from './inject/webhook-server.ts';
import { followInjectionTexts } from './kube/follow-injection.ts';
import type { PrimaryClient } from './kube/primary-client.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { Metrics } from './admin/metrics.ts';
import { answerValidation, type ObjectCheck } from './validate/answer-validation.ts';
import { ValidationMetrics } from './validate/validation-metrics.ts';

export interface OpenInjectionOptions {
  readonly config: ServeConfig;
  /** DNS domain of services. */
  readonly domain: string;
  /** Absent when the primary is a directory. */
  readonly client: PrimaryClient | undefined;
  /** Absent: no port has a certificate, this one neither. */
  readonly issuer: Issuer | undefined;
  /** Judges an object that is about to be written into the primary. */
  readonly check: ObjectCheck;
  /** Objects of kind ProxyConfig, as they are now; undefined until the primary was read. */
  readonly declared: () => DeclaredProxyConfigs | undefined;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly started: Started;
}

const backOff = { firstMs: 250, longestMs: 10_000 };

/** @throws ConfigError when the address can't be had */
export async function openInjection(options: OpenInjectionOptions): Promise<void> {
  const { config, issuer, log, started } = options;
  if (config.ports.webhook === 0 || issuer === undefined) return;
  const metrics = new InjectionMetrics(options.metrics.registry);
  const stop = new AbortController();
  const current: { state?: InjectionState } = {};
  const validation = {
    answer: (question: AdmissionQuestion) => answerValidation(question, options.check),
    metrics: new ValidationMetrics(options.metrics.registry),
  };
  const handler = webhookHandler({
    settings: () => current.state?.settings,
    declared: options.declared,
    metrics,
    validation,
    log,
  });
  const server = await listen(options, issuer, handler, stop.signal);
  const following = followSettings(options, metrics, stop.signal, (state) => {
    current.state = state;
  });
  started.add('webhooks', async () => {
    stop.abort();
    await Promise.all([server.stopped, following]);
  });
}

async function listen(
  { config, log }: OpenInjectionOptions,
  issuer: Issuer,
  handler: ReturnType<typeof webhookHandler>,
  signal: AbortSignal,
): ReturnType<typeof openWebhookServer> {
  const { systemNamespace, revision, bind, ports } = config;
  try {
    return await openWebhookServer(
      {
        bind,
        port: ports.webhook,
        handler,
        certificates: {
          issuer,
          dnsNames: serverDnsNames({ systemNamespace, revision }),
          clock: systemClock,
          onFailure: (error) => log.error({ error }, "the webhooks' certificate could not be renewed"),
        },
      },
      signal,
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const address = `${bind}:${String(ports.webhook)}`;
    throw new ConfigError(`--webhook-port: can't listen on ${address} (${reason}); choose another port, or 0.`);
  }
}

/** `onState` is told once there are settings to go by; pods are refused until then. */
async function followSettings(
  options: OpenInjectionOptions,
  metrics: InjectionMetrics,
  signal: AbortSignal,
  onState: (state: InjectionState) => void,
): Promise<void> {
  const { config, client, log } = options;
  const fileText = config.meshConfigFile === undefined ? undefined : await readMeshText(config.meshConfigFile);
  const canBeNative = client === undefined || (await hasNativeSidecars(client, log, signal));
  if (signal.aborted) return;
  const state = new InjectionState(factsOf(options, canBeNative), (reason) => {
    metrics.settingsRejected(reason !== undefined);
    if (reason === undefined) log.info({}, 'the settings of the injection can be obeyed again');
    else log.error({ reason }, 'the settings of the injection can not be obeyed: those before stay in force');
  });
  const take = (texts: InjectionTexts): void => {
    state.take(fileText === undefined ? texts : { ...texts, mesh: fileText });
    onState(state);
  };
  if (client === undefined) return take({});
  await followInjectionTexts({ client, revision: config.revision, log, onChange: take }, signal);
}

function factsOf({ config, domain }: OpenInjectionOptions, canBeNative: boolean): InstanceFacts {
  const { revision = 'default', systemNamespace, clusterId, network, trustDomain } = config;
  return { revision, systemNamespace, clusterId, network, trustDomain, domain, canBeNative };
}

/** Kubernetes 1.29 has containers that start before the others and stay. Asks until there is an answer. */
async function hasNativeSidecars(client: PrimaryClient, log: Log, signal: AbortSignal): Promise<boolean> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    const version = await client.serverVersion(signal);
    if (!(version instanceof KubeError)) return version.major > 1 || version.minor >= 29;
    if (failures === 1) log.warn({ reason: version.message }, "the API server's version is not known yet");
    await systemClock.sleep(backOffMs(backOff, failures, Math.random), signal);
  }
  return true;
}

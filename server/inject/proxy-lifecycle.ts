// What happens when the proxy's container has started and before it stops. In: the context of a pod. Out: `lifecycle`, if any.

import type { Mapping } from './json-value.ts';
import type { SidecarContext } from './sidecar-context.ts';

/**
 * Held: the next container starts when the hook of this one has ended, so the hook waits for the proxy. A native sidecar needs none:
 * its startup probe holds the others, and what it needs is to begin to drain when they are told to stop.
 */
export function proxyLifecycle(context: SidecarContext): Mapping | undefined {
  const { settings, dataPlane, role, isNative, holdApplication, statusPort } = context;
  if (Object.keys(settings.lifecycle).length > 0) return settings.lifecycle;
  if (role === 'router') return undefined;
  if (isNative) {
    // The agent of the other data plane drains at SIGTERM by itself.
    if (dataPlane === 'isthmus' || statusPort === 0) return undefined;
    return { preStop: hook(['pilot-agent', 'request', `--debug-port=${String(statusPort)}`, 'POST', 'drain']) };
  }
  if (!holdApplication) return undefined;
  return { postStart: hook(dataPlane === 'istio' ? ['pilot-agent', 'wait'] : ['node', '--eval', waitForEnvoy]) };
}

/** A minute for Envoy to be ready, as `pilot-agent wait` gives it; then the container is started anew. */
const waitForEnvoy =
  "const end=Date.now()+6e4;const ask=async()=>{try{if((await fetch('http://127.0.0.1:15021/healthz/ready')).ok)process.exit()}" +
  'catch{}if(Date.now()>end)process.exit(1);setTimeout(ask,250)};ask()';

function hook(command: readonly string[]): Mapping {
  return { exec: { command } };
}

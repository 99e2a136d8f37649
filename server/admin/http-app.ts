// The HTTP port: readiness, the JSON API, debug pages, the dashboard.

import type { MiddlewareHandler } from 'hono';
import { etag } from 'hono/etag';
import { addDashboardRoutes, type DashboardFiles } from './dashboard-routes.ts';
import { addDebugRoutes } from './debug-routes.ts';
import { addDiffRoute, type AskDiff } from './diff-route.ts';
import { readHeaders } from './asked-headers.ts';
import { explain, parseTarget, withoutPort } from './explain.ts';
import { endpointsOfHost, findServiceAnywhere, nearMisses } from './host-endpoints.ts';
import type { InstanceReader } from './instance-reader.ts';
import { networkList } from './network-list.ts';
import { problemList } from './problem-list.ts';
import { readOnlyApp, type AdminApp, type AdminAppOptions, type AdminContext } from './read-only.ts';
import { ServiceLister } from './service-list.ts';
import { findSource } from './why-source.ts';

export interface HttpAppOptions extends AdminAppOptions {
  readonly reader: InstanceReader;
  readonly dashboard: DashboardFiles;
  /** What would change if objects were applied; absent where nobody can say. */
  readonly diff?: AskDiff | undefined;
}

/** `/ready`, `/api/v1/{clusters,problems,proxies,services,networks,endpoints,instance,why,diff}`, `/debug/*`, `/version`, `/`. */
export function httpApp({ reader, dashboard, onFailure, diff }: HttpAppOptions): AdminApp {
  const app = readOnlyApp({ onFailure });
  const services = new ServiceLister();
  // The dashboard polls: what it has already is answered with 304.
  app.use('/api/*', etag(), revalidated);
  app.get('/ready', (context) => ready(context, reader));
  app.get('/version', (context) => context.text(`${reader.version}\n`));
  app.get('/api/v1/clusters', (context) => context.json(reader.clusters()));
  app.get('/api/v1/problems', (context) => context.json(problemList(reader.clusters())));
  app.get('/api/v1/proxies', (context) => context.json(reader.proxies()));
  app.get('/api/v1/services', (context) => context.json(services.list(reader.mesh())));
  app.get('/api/v1/networks', (context) => context.json(networkList(reader)));
  app.get('/api/v1/endpoints', (context) => endpoints(context, reader));
  app.get('/api/v1/instance', (context) =>
    context.json({ version: reader.version, cluster: reader.mesh().primary, ...reader.ready(), roots: reader.roots() }),
  );
  app.get('/api/v1/why', (context) => why(context, reader));
  if (diff !== undefined) addDiffRoute(app, diff);
  addDebugRoutes(app, reader);
  addDashboardRoutes(app, dashboard);
  return app;
}

const revalidated: MiddlewareHandler = async (context, next) => {
  await next();
  context.header('Cache-Control', 'no-cache');
};

function ready(context: AdminContext, reader: InstanceReader): Response {
  const { ready, waitingFor } = reader.ready();
  if (ready) return context.json({ ready });
  return context.json({ ready, waitingFor, error: `Not ready: waiting for ${waitingFor.join(', ')}.` }, 503);
}

function endpoints(context: AdminContext, reader: InstanceReader): Response {
  const asked = context.req.query('host') ?? '';
  if (asked === '') return context.json({ error: 'Ask with ?host=HOST or ?host=HOST:PORT.' }, 400);
  const target = parseTarget(asked);
  if (target === undefined || target.path !== undefined) {
    return context.json({ error: `${asked} is not HOST or HOST:PORT.` }, 400);
  }
  const mesh = reader.mesh();
  const service = findServiceAnywhere(mesh, target.host);
  if (service === undefined) {
    const suggestions = nearMisses(mesh, target.host);
    const hint =
      suggestions.length === 0
        ? 'Write NAME.NAMESPACE or the full host; the dashboard (`/` of the same port) lists those that are.'
        : `Close: ${suggestions.join(', ')}.`;
    return context.json({ error: `No service ${target.host} is known. ${hint}`, suggestions }, 404);
  }
  const port = service.ports.find((one) => one.port === target.port);
  if (target.port !== undefined && port === undefined)
    return context.json({ error: withoutPort(service, target) }, 404);
  return context.json(endpointsOfHost(mesh, service, port));
}

function why(context: AdminContext, reader: InstanceReader): Response {
  const from = context.req.query('from') ?? '';
  const to = context.req.query('to') ?? '';
  if (from === '' || to === '') {
    return context.json(
      {
        error:
          'Ask with ?from=POD.NAMESPACE&to=HOST[:PORT][/PATH], and &method=METHOD and &header=NAME: VALUE if they matter.',
      },
      400,
    );
  }
  const target = parseTarget(to);
  if (target === undefined)
    return context.json({ error: `${to} is not HOST, HOST:PORT, HOST/PATH or HOST:PORT/PATH.` }, 400);
  if (!from.includes('.')) return context.json({ error: withoutNamespace(from, reader) }, 400);
  const source = findSource(reader, from);
  if (source === undefined) {
    const error =
      `${from} is neither a proxy that is connected to this instance nor a workload of its cluster. ` +
      'Write POD.NAMESPACE; `isthmus proxies` lists the connected ones.';
    return context.json({ error }, 404);
  }
  const headers = readHeaders(context.req.queries('header') ?? []);
  if (typeof headers === 'string') return context.json({ error: headers }, 400);
  const method = context.req.query('method') ?? '';
  const asked = { ...target, ...(method === '' ? {} : { method }), ...(headers.size === 0 ? {} : { headers }) };
  return context.json(explain({ mesh: reader.mesh(), clusters: reader.clusters(), source, target: asked }));
}

const maxClose = 5;

function withoutNamespace(from: string, reader: InstanceReader): string {
  const close = reader
    .proxies()
    .map(({ proxy }) => proxy)
    .filter((proxy) => proxy.startsWith(`${from}.`) || proxy.startsWith(`${from}-`));
  const hint =
    close.length === 0
      ? '`isthmus proxies` lists the connected ones.'
      : `Close: ${close.slice(0, maxClose).join(', ')}.`;
  return `${from} has no namespace: write POD.NAMESPACE. ${hint}`;
}

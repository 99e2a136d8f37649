// Serves `/debug/*` on an application.

import { debugPages, pagePaths } from './debug/pages.ts';
import type { InstanceReader } from './instance-reader.ts';
import { loopbackOnly } from './loopback-only.ts';
import type { AdminApp, AdminContext } from './read-only.ts';

/** Adds the debug pages. `?pretty` indents, as istiod does. */
export function addDebugRoutes(app: AdminApp, reader: InstanceReader): void {
  app.use('/debug', loopbackOnly);
  app.use('/debug/*', loopbackOnly);
  app.get('/debug', (context) =>
    context.json([...debugPages.values()].map(({ name, help }) => ({ path: `/debug/${name}`, help }))),
  );
  app.get('/debug/:page{.+}', (context) => debugPage(context, reader));
}

function debugPage(context: AdminContext, reader: InstanceReader): Response {
  const name = context.req.param('page') ?? '';
  const page = debugPages.get(name);
  if (page === undefined) {
    return context.json({ error: `There is no debug page ${name}.`, pages: pagePaths() }, 404);
  }
  const query = new URL(context.req.url).searchParams;
  const answer = page.render(reader, query);
  if (answer.kind === 'refused') return context.json({ error: answer.message }, answer.status);
  const text = JSON.stringify(answer.document, undefined, query.has('pretty') ? 2 : undefined);
  return context.body(text, 200, { 'Content-Type': 'application/json' });
}

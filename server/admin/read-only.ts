// Rules that hold for every answer of the administrative side: nothing is changed over HTTP (a question may be too long for a URL and is
// sent as a body then), nothing is kept unasked, errors are JSON `{error}`, and a failure of one page never takes the server down.

import { Hono, type Context, type MiddlewareHandler } from 'hono';
import type { HttpBindings } from '@hono/node-server';

export type AdminApp = Hono<{ Bindings: HttpBindings }>;
export type AdminContext = Context<{ Bindings: HttpBindings }>;

/** Questions that come with a body, by POST; they change nothing either. */
export const diffPath = '/api/v1/diff';
const questions: ReadonlySet<string> = new Set([diffPath]);

export interface AdminAppOptions {
  /** Told of every page that threw. */
  readonly onFailure: (path: string, error: unknown) => void;
}

/** An application without routes that answers 404, 405 and 500 as all of ours do. */
export function readOnlyApp({ onFailure }: AdminAppOptions): AdminApp {
  const app: AdminApp = new Hono({ strict: false });
  app.use(onlyReading, plainHeaders);
  app.notFound((context) => context.json({ error: `Nothing is at ${context.req.path}.` }, 404));
  app.onError((error, context) => {
    onFailure(context.req.path, error);
    return context.json({ error: 'This page failed; the log has the reason.' }, 500);
  });
  return app;
}

const onlyReading: MiddlewareHandler = async (context, next) => {
  const { method, path } = context.req;
  const isQuestion = questions.has(path);
  if (isQuestion ? method === 'POST' : method === 'GET' || method === 'HEAD') return next();
  context.header('Allow', isQuestion ? 'POST' : 'GET, HEAD');
  if (isQuestion) return context.json({ error: `Ask ${path} by POST, with a body of one JSON document a line.` }, 405);
  return context.json({ error: `${context.req.method} is not offered: everything here is only read.` }, 405);
};

const plainHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  context.header('X-Content-Type-Options', 'nosniff');
  if (!context.res.headers.has('Cache-Control')) context.header('Cache-Control', 'no-store');
  context.header('Referrer-Policy', 'no-referrer');
};

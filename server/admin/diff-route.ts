// `POST /api/v1/diff`: what would change if objects were applied. In: one JSON document a line. Out: the report. For callers on this machine,
// as debug pages are: the answer shows what proxies are sent, and costs work.

import type { DiffReport } from '../diff/diff-report.ts';
import type { DiffRequest } from '../diff/differ.ts';
import { QuestionError } from '../diff/read-question.ts';
import { loopbackOnly } from './loopback-only.ts';
import { diffPath, type AdminApp, type AdminContext } from './read-only.ts';

/** Undefined when too many questions wait already. */
export type AskDiff = (request: DiffRequest, signal: AbortSignal) => Promise<DiffReport> | undefined;

/** A page of a foreign site can't send this type without being asked first. */
export const questionType = 'application/x-ndjson';
export const maxQuestionBytes = 8 * 1024 * 1024;

export function addDiffRoute(app: AdminApp, ask: AskDiff): void {
  app.use(diffPath, loopbackOnly);
  app.post(diffPath, async (context) => {
    const type = context.req.header('content-type') ?? '';
    if (type.split(';')[0]?.trim() !== questionType) {
      return context.json({ error: `The question's Content-Type is ${questionType}: one JSON document a line.` }, 415);
    }
    const body = await boundedBody(context);
    if (body === undefined) {
      const error = `More than ${String(maxQuestionBytes / 1024 / 1024)} MiB of objects are not compared at once; ask in parts.`;
      return context.json({ error }, 413);
    }
    return answer(context, ask, body);
  });
}

async function answer(context: AdminContext, ask: AskDiff, body: string): Promise<Response> {
  const proxy = context.req.query('proxy');
  const prune = context.req.query('prune') === 'true';
  const { signal } = context.req.raw;
  const asked = ask({ body, prune, ...(proxy === undefined ? {} : { proxy }) }, signal);
  if (asked === undefined) {
    return context.json({ error: 'Several such questions wait already; ask again in some seconds.' }, 503);
  }
  try {
    const report = await asked;
    if (proxy !== undefined && report.connectedCount === 0) {
      const error = `No proxy ${proxy} is connected to this instance; \`isthmus proxies\` lists those that are.`;
      return context.json({ error }, 404);
    }
    return context.json(report);
  } catch (error) {
    // Nobody is there to read it.
    if (signal.aborted) return context.body(null, 400);
    if (!(error instanceof QuestionError)) throw error;
    return context.json({ error: error.message }, 400);
  }
}

/** Undefined when it is too long. */
async function boundedBody(context: AdminContext): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of context.req.raw.body ?? []) {
    length += chunk.length;
    if (length > maxQuestionBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// Serves the dashboard: a page, a style sheet and a script that load nothing from elsewhere.

import { readFile } from 'node:fs/promises';
import type { AdminApp } from './read-only.ts';

export interface DashboardFiles {
  readonly html: string;
  readonly css: string;
  readonly js: string;
}

/** Nothing but our own style sheet, script and API; the page can't be framed. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Reads the three files that lie beside this one. Rejects when the installation is incomplete. */
export async function readDashboardFiles(): Promise<DashboardFiles> {
  const [html, css, js] = await Promise.all([
    readBeside('index.html'),
    readBeside('dashboard.css'),
    readBeside('dashboard.js'),
  ]);
  return { html, css, js };
}

function readBeside(name: string): Promise<string> {
  return readFile(new URL(`./dashboard/${name}`, import.meta.url), 'utf8');
}

/** Adds `/`, `/dashboard.css` and `/dashboard.js`. */
export function addDashboardRoutes(app: AdminApp, files: DashboardFiles): void {
  const serve = (path: string, type: string, text: string): void => {
    app.get(path, (context) =>
      context.body(text, 200, {
        'Content-Type': `${type}; charset=utf-8`,
        'Content-Security-Policy': contentSecurityPolicy,
      }),
    );
  };
  serve('/', 'text/html', files.html);
  serve('/dashboard.css', 'text/css', files.css);
  serve('/dashboard.js', 'text/javascript', files.js);
}

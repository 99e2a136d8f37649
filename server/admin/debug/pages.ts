// All debug pages. A page that istiod has and that is not here is answered with 404 and this list.

import { configDump, edsz, ndsz } from './config-dump.ts';
import { configz, mesh } from './config-pages.ts';
import { document, type DebugPage } from './debug-page.ts';
import { adsz, connections, syncz } from './proxy-pages.ts';
import { clusterz, endpointShardz, endpointz, networkz, registryz } from './registry-pages.ts';

const list: DebugPage = {
  name: 'list',
  help: 'This list',
  render: () => document([...debugPages.keys()]),
};

/** Every page by its name. */
export const debugPages: ReadonlyMap<string, DebugPage> = new Map(
  [
    adsz,
    clusterz,
    configDump,
    configz,
    connections,
    edsz,
    endpointShardz,
    endpointz,
    list,
    mesh,
    ndsz,
    networkz,
    registryz,
    syncz,
  ].map((page) => [page.name, page]),
);

/** Paths of all pages, as they are asked for. */
export function pagePaths(): readonly string[] {
  return [...debugPages.keys()].map((name) => `/debug/${name}`);
}

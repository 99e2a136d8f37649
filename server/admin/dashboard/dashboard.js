// The dashboard: polls /api/v1 and draws it. Every text from the API goes into text nodes, never into markup.

const pollMs = 3000;
const maxRows = 200;
const maxRemarks = 50;
const shownTypes = ['cds', 'lds', 'eds', 'rds', 'vhds'];
const stateTone = { SYNCED: 'good', STALE: 'warn', NOT_SENT: 'warn', ERROR: 'bad' };
const phaseTone = { running: 'good', connecting: 'warn', syncing: 'warn', stale: 'bad', failed: 'bad' };

const byId = (id) => document.querySelector(`#${id}`);

/** An element with properties and children; strings become text nodes. */
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== ''));
  return made;
}

const badge = (text, tone) => element('span', { class: `badge ${tone ?? ''}` }, text);
const quiet = (text) => element('span', { class: 'quiet' }, text);
const count = (number) => number.toLocaleString('en');

function age(since) {
  if (since === undefined) return quiet('never');
  return element('time', { datetime: since, title: since }, ageText(since));
}

function ageText(since) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** Columns are `[title, cell, class]`; `cell` gives text or an element for a row. */
function drawTable(target, { columns, rows, empty, caption }) {
  if (rows.length === 0) {
    target.replaceChildren(element('p', { class: 'empty' }, empty));
    return;
  }
  const shown = rows.slice(0, maxRows);
  const head = columns.map(([title, , kind]) => element('th', { scope: 'col', class: kind }, title));
  const body = shown.map((row) =>
    element(
      'tr',
      {},
      columns.map(([, cell, kind]) => element('td', { class: kind }, cell(row) ?? '')),
    ),
  );
  const drawn = [
    element(
      'table',
      { 'aria-label': caption },
      element('thead', {}, element('tr', {}, head)),
      element('tbody', {}, body),
    ),
  ];
  if (rows.length > shown.length) {
    const text = `Showing ${count(shown.length)} of ${count(rows.length)}; filter to see others.`;
    drawn.push(element('p', { class: 'empty' }, text));
  }
  target.replaceChildren(...drawn);
}

function drawClusters(clusters) {
  byId('clusters-count').textContent = count(clusters.length);
  drawTable(byId('clusters-table'), {
    caption: 'Clusters',
    empty: 'No cluster is read yet.',
    rows: clusters,
    columns: [
      ['Cluster', (one) => one.clusterId],
      ['Network', (one) => one.network || quiet('unnamed')],
      ['Mode', (one) => one.mode],
      ['Phase', (one) => badge(one.phase, phaseTone[one.phase])],
      ['Last event', (one) => age(one.lastEventAt)],
      ['Services', (one) => count(one.services), 'number'],
      ['Endpoints', (one) => count(one.endpoints), 'number'],
      ['Problems', (one) => count(one.problems.length), 'number'],
    ],
  });
  const lines = clusters.flatMap(clusterRemarks);
  const shown = lines.slice(0, maxRemarks);
  if (lines.length > shown.length) shown.push(element('li', {}, `… and ${count(lines.length - shown.length)} more.`));
  byId('clusters-problems').replaceChildren(...shown);
}

function clusterRemarks(cluster) {
  const remark = (tone, ...parts) =>
    element('li', { class: tone }, element('strong', {}, `${cluster.clusterId}: `), ...parts);
  const remarks = [];
  if (cluster.staleSince !== undefined) remarks.push(remark('bad', 'unreachable since ', age(cluster.staleSince)));
  const { error } = cluster;
  // It sums up the findings, which come below, unless it is about something else.
  if (error !== undefined && !cluster.problems.some(({ message }) => error.includes(message)))
    remarks.push(remark('bad', error));
  for (const { name, message } of cluster.conditions) remarks.push(remark('warn', `${name}: ${message}`));
  for (const problem of cluster.problems) {
    const { origin } = problem;
    const place = origin === undefined ? '' : origin.place + (origin.line === undefined ? '' : `:${origin.line}`);
    const subject = [problem.object, problem.field].filter(Boolean).join(' ');
    remarks.push(
      remark(
        problem.severity === 'error' ? 'bad' : 'warn',
        place === '' ? '' : element('code', {}, place),
        place === '' ? '' : ' ',
        subject === '' ? '' : `${subject}: `,
        problem.message,
      ),
    );
  }
  return remarks;
}

function drawNetworks(networks) {
  byId('networks-count').textContent = count(networks.length);
  const target = byId('networks-picture');
  if (networks.length === 0) {
    target.replaceChildren(element('p', { class: 'empty' }, 'No network is known yet.'));
    return;
  }
  const boxes = networks
    .slice(0, 24)
    .map((network) =>
      element(
        'li',
        {},
        element(
          'div',
          { class: 'network' },
          element('h3', {}, network.network || 'unnamed network'),
          element('p', {}, network.clusters.length === 0 ? quiet('no cluster') : network.clusters.join(', ')),
          element(
            'p',
            { class: 'quiet' },
            `${count(network.endpoints)} ${network.endpoints === 1 ? 'endpoint' : 'endpoints'}`,
          ),
        ),
        networkGateways(network, networks.length),
      ),
    );
  const caption =
    networks.length > 1
      ? 'Requests between networks go from gateway to gateway over mutual TLS; addresses never cross.'
      : 'One network: endpoints reach each other directly.';
  target.replaceChildren(element('ul', { class: 'networks' }, boxes), element('p', { class: 'caption' }, caption));
}

function networkGateways({ gateways }, networks) {
  if (gateways.length > 0) {
    const shown = gateways.slice(0, 6).map(({ address, port, clusterId, inUse }) => {
      const host = address.includes(':') ? `[${address}]` : address;
      const code = element('code', { title: `gateway of ${clusterId}` }, `${host}:${port}`);
      return inUse === false ? element('span', {}, code, badge('does not answer', 'bad')) : code;
    });
    const more = gateways.length > 6 ? quiet(`and ${gateways.length - 6} more`) : '';
    return element('div', { class: 'gateways' }, shown, more);
  }
  if (networks === 1) return element('div', {});
  return element('div', { class: 'gateways none' }, badge('no gateway: others can’t reach it', 'bad'));
}

const worstState = (proxy) =>
  ['ERROR', 'STALE', 'NOT_SENT', 'SYNCED'].find((state) => proxy.types.some((type) => type.status === state)) ??
  'NOT_SENT';

function drawProxies(proxies) {
  byId('proxies-count').textContent = count(proxies.length);
  const wanted = byId('proxies-filter').value.trim().toLowerCase();
  const rows = proxies
    .filter((one) =>
      `${one.proxy} ${one.clusterId} ${one.network} ${one.type} ${worstState(one)}`.toLowerCase().includes(wanted),
    )
    .toSorted((a, b) => Number(worstState(b) === 'ERROR') - Number(worstState(a) === 'ERROR'));
  drawTable(byId('proxies-table'), {
    caption: 'Proxies',
    empty: wanted === '' ? 'No proxy is connected.' : 'No proxy matches.',
    rows,
    columns: [
      ['Proxy', (one) => element('span', { title: one.nodeId }, one.proxy)],
      ['Cluster', (one) => one.clusterId],
      ['Network', (one) => one.network || quiet('unnamed')],
      ['Type', (one) => one.type],
      ['State', (one) => badge(worstState(one), stateTone[worstState(one)])],
      ...shownTypes.map((name) => [name.toUpperCase(), (one) => typeCell(one, name)]),
      ['Rejected', (one) => count(one.types.reduce((sum, type) => sum + type.rejected, 0)), 'number'],
      ['Connected', (one) => age(one.connectedAt)],
    ],
  });
  byId('proxies-problems').replaceChildren(...rows.flatMap(rejections).slice(0, maxRemarks));
}

function typeCell(proxy, name) {
  const type = proxy.types.find((one) => one.name === name);
  if (type === undefined) return quiet('–');
  const title = `sent ${type.sent || 'nothing'}, acknowledged ${type.acked || 'nothing'}, version ${type.version || 'none'}`;
  if (type.status !== 'SYNCED') return element('span', { title }, badge(type.status, stateTone[type.status]));
  return element('span', { title }, count(type.resources));
}

function rejections(proxy) {
  return proxy.types
    .filter((type) => type.lastError !== undefined)
    .map((type) => {
      const { message, resourceNames, sourceObjects } = type.lastError;
      const names = resourceNames.slice(0, 3).join(', ') + (resourceNames.length > 3 ? ' …' : '');
      return element(
        'li',
        { class: type.status === 'ERROR' ? 'bad' : 'warn' },
        element('strong', {}, `${proxy.proxy}: `),
        `rejected ${type.name} `,
        element('code', {}, names),
        sourceObjects.length === 0 ? '' : ` (from ${sourceObjects.join(', ')})`,
        `: ${message}`,
      );
    });
}

function drawServices(services) {
  byId('services-count').textContent = count(services.length);
  const wanted = byId('services-filter').value.trim().toLowerCase();
  const rows = services.filter((one) => `${one.host} ${one.clusters.join(' ')}`.toLowerCase().includes(wanted));
  drawTable(byId('services-table'), {
    caption: 'Services',
    empty: wanted === '' ? 'No service is known.' : 'No service matches.',
    rows,
    columns: [
      ['Host', (one) => one.host],
      ['Ports', (one) => one.ports.map(({ port, protocol }) => `${port} ${protocol}`).join(', ')],
      ['Declared in', (one) => one.clusters.join(', ') + (one.clusterLocal ? ' (cluster-local)' : '')],
      ['Endpoints', endpointCounts],
      ['Conflicts', (one) => one.conflicts.map(({ message }) => badge(message, 'warn')), 'wrap'],
    ],
  });
}

function endpointCounts({ endpointCounts: counts }) {
  if (counts.length === 0) return badge('none', 'warn');
  const several = new Set(counts.map(({ clusterId }) => clusterId)).size < counts.length;
  return counts.map(({ clusterId, network, healthy, draining, unhealthy }) => {
    const other = [draining > 0 ? `${draining} draining` : '', unhealthy > 0 ? `${unhealthy} unhealthy` : ''];
    const detail = other.filter((part) => part !== '').join(', ');
    const place = several ? `${clusterId} on ${network || 'the unnamed network'}` : clusterId;
    return element(
      'div',
      { title: network },
      `${place}: ${count(healthy)}`,
      detail === '' ? '' : quiet(` (${detail})`),
    );
  });
}

// ---- why

async function explain() {
  const query = new URLSearchParams({ from: byId('why-from').value.trim(), to: byId('why-to').value.trim() });
  history.replaceState(undefined, '', `?${query}#why`);
  // Not in the link: a header may be a secret.
  const header = byId('why-header').value.trim();
  if (header !== '') query.append('header', header);
  const answer = byId('why-answer');
  try {
    const response = await fetch(`api/v1/why?${query}`);
    const body = await response.json();
    if (response.ok) answer.replaceChildren(drawAnswer(body));
    else answer.replaceChildren(element('p', {}, badge('no answer', 'bad'), ` ${body.error}`));
  } catch {
    answer.replaceChildren(element('p', {}, badge('no answer', 'bad'), ' The instance can’t be reached.'));
  }
}

function drawAnswer(report) {
  const { from } = report;
  const connected = from.connected ? '' : ' (not connected: as its proxy would see it)';
  return element(
    'div',
    { class: 'answer' },
    element('p', {}, badge(report.verdict, report.verdict === 'reachable' ? 'good' : 'bad'), ` ${report.summary}`),
    element(
      'p',
      { class: 'quiet' },
      `From ${from.proxy} in ${from.clusterId}, ${from.network || 'unnamed network'}${connected}`,
    ),
    report.ports.map((port) =>
      element(
        'div',
        {},
        element(
          'h3',
          {},
          `Port ${port.port} ${port.protocol} `,
          port.virtualService === undefined ? '' : quiet(port.virtualService),
        ),
        port.routes.map(drawRoute),
      ),
    ),
  );
}

function drawRoute(route) {
  const title = element('h4', {}, `Route ${route.name}: ${route.match}`);
  if (route.skipped !== undefined) return element('div', {}, title, quiet(`not for these requests: ${route.skipped}`));
  const bar = element('div', { class: 'share', 'aria-hidden': 'true' });
  for (const { clusterId, percent } of route.shares) {
    const part = element('span', { title: `${clusterId} ${percent} %` });
    part.style.width = `${percent}%`;
    bar.append(part);
  }
  const shares = route.shares.map(({ clusterId, percent }) => `${percent} % ${clusterId}`).join(', ');
  return element(
    'div',
    {},
    title,
    route.takes === 'depends' ? element('p', {}, quiet(`depends on ${route.dependsOn.join(', ')}`)) : '',
    route.action === undefined ? '' : element('p', {}, route.action),
    route.shares.length === 0 ? '' : element('div', {}, bar, shares),
    route.destinations.map(drawDestination),
  );
}

function drawDestination(destination) {
  const target = element('div', { class: 'scroll' });
  const title = `${destination.weightPercent} % to ${destination.envoyCluster ?? destination.host}`;
  const rule = destination.destinationRule === undefined ? '' : quiet(` ${destination.destinationRule}`);
  const problem = destination.problem === undefined ? '' : element('p', {}, badge(destination.problem, 'bad'));
  if (destination.endpoints.length > 0) {
    drawTable(target, {
      caption: title,
      empty: '',
      rows: destination.endpoints,
      columns: [
        ['Share', (group) => (group.percent > 0 ? `${group.percent} %` : quiet('–')), 'number'],
        ['Cluster', (group) => group.clusterId],
        ['Network', (group) => group.network || quiet('unnamed')],
        ['Endpoints', (group) => element('span', { title: group.addresses.join(', ') }, count(group.count)), 'number'],
        ['Why', (group) => group.explanation, 'wrap'],
      ],
    });
  }
  return element('div', {}, element('h4', {}, title, rule), problem, target);
}

// ---- polling

const sections = {
  clusters: drawClusters,
  networks: drawNetworks,
  proxies: drawProxies,
  services: drawServices,
};
const last = new Map();

/** Draws a section when its document differs from the last one. */
async function refresh(name) {
  const response = await fetch(`api/v1/${name}`, { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  const text = await response.text();
  if (last.get(name)?.text === text) return;
  const value = JSON.parse(text);
  last.set(name, { text, value });
  sections[name](value);
  if (name === 'proxies')
    offer(
      'known-proxies',
      value.map((one) => one.proxy),
    );
  if (name === 'services')
    offer(
      'known-hosts',
      value.map((one) => one.host),
    );
}

function offer(id, values) {
  byId(id).replaceChildren(...values.slice(0, maxRows).map((value) => element('option', { value })));
}

async function refreshInstance() {
  const response = await fetch('api/v1/instance', { cache: 'no-cache' });
  const instance = await response.json();
  byId('instance').textContent = `${instance.cluster} · ${instance.version.replaceAll('-unknown', '')}`;
  const waiting = instance.waitingFor.join(', ');
  byId('state').replaceChildren(instance.ready ? badge('ready', 'good') : badge(`waiting for ${waiting}`, 'warn'));
}

async function poll() {
  if (!document.hidden) {
    try {
      await Promise.all([refreshInstance(), ...Object.keys(sections).map(refresh)]);
    } catch {
      byId('state').replaceChildren(badge('no answer from the instance; showing what it said last', 'bad'));
    }
    for (const time of document.querySelectorAll('time')) time.textContent = ageText(time.dateTime);
  }
  setTimeout(poll, pollMs);
}

for (const name of ['proxies', 'services']) {
  byId(`${name}-filter`).addEventListener('input', () => {
    const known = last.get(name);
    if (known !== undefined) sections[name](known.value);
  });
}
byId('why-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void explain();
});

// A link to an answer: ?from=POD.NAMESPACE&to=HOST:PORT
const asked = new URLSearchParams(location.search);
if (asked.has('from') && asked.has('to')) {
  byId('why-from').value = asked.get('from');
  byId('why-to').value = asked.get('to');
  void explain();
}
await poll();

// `node test/bench/simulate-scale.ts`: what 100 regions would cost, out of figures that were measured here, and how replicas of
// one region fill and even out. Prints the tables of docs/scale.md; the same in every run.

import { estimate, plan, type Plan } from './scale/estimate.ts';
import { simulateBalance } from './scale/simulate-balance.ts';

const plans: readonly (readonly [string, Plan])[] = [
  ['everything visible', plan],
  ['Sidecar scopes: 2 % of the services', { ...plan, visibleShare: 0.02 }],
  ['the same, a quiet day', { ...plan, visibleShare: 0.02, changesPerPodAndDay: 6 }],
];

console.log(`| an instance of ${plan.regions} regions | ${plans.map(([name]) => name).join(' | ')} |`);
console.log(`|---|${plans.map(() => '---|').join('')}`);
const columns = plans.map(([, chosen]) => estimate(chosen));
for (const [row, { name }] of (columns[0] ?? []).entries()) {
  console.log(`| ${name} | ${columns.map((lines) => lines[row]?.value ?? '').join(' | ')} |`);
}

console.log(
  '\n| minute | replicas | proxies of the fullest, with ages | replicas | of the fullest, without ages | refused |',
);
console.log('|---|---|---|---|---|---|');
const region = { proxies: 1000, surge: 1000, targetProxies: 400, maxProxies: 600 };
const aging = simulateBalance({ ...region, maxAgeSeconds: 1800 });
const ageless = simulateBalance({ ...region, maxAgeSeconds: 0 });
for (const [index, { minute, replicas, fullest, refused }] of aging.entries()) {
  const other = ageless[index];
  console.log(`| ${minute} | ${replicas} | ${fullest} | ${other?.replicas} | ${other?.fullest} | ${refused} |`);
}

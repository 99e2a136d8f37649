// Our part of the packet filter's tables: what is ours in a table that others use too, and the way from one state to another.

import { expect, test } from 'vitest';
import { defaultArguments, parseInterception } from '../../../agent/iptables/parse-interception.ts';
import { interceptionTables } from '../../../agent/iptables/rules.ts';
import { equalTables, isNothing, readOwnTables, transition } from '../../../agent/iptables/table.ts';

const wanted = interceptionTables(parseInterception(defaultArguments), 'ipv4');

const ofOthers = `*filter
:INPUT ACCEPT [0:0]
:ISTIO_FIREWALL - [0:0]
-A INPUT -j ISTIO_FIREWALL
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A OUTPUT -m comment --comment "not -j ISTIO_OUTPUT here" -j KUBE-SERVICES
-A OUTPUT -d 10.0.0.9/32 -j DNAT --to-destination 10.0.0.1
COMMIT`;

const older = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_TPROXY - [0:0]
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A OUTPUT -d 10.0.0.9/32 -j DNAT --to-destination 10.0.0.1
-A ISTIO_OUTPUT -j RETURN
COMMIT`;

test('rules of others are not ours, whatever their names', () => {
  expect(isNothing(readOwnTables(ofOthers))).toBe(true);
  expect(transition(readOwnTables(ofOthers), new Map())).toBeUndefined();
});

test('what was installed is read back as what was wanted, whatever the order of chains', () => {
  const text = transition(new Map(), wanted) ?? '';
  const lines = text.split('\n');
  const saved = ['*nat', ...lines.filter((line) => line.startsWith(':')).toReversed(), ...lines.slice(1)].join('\n');
  expect(equalTables(readOwnTables(saved), wanted)).toBe(true);
  expect(transition(readOwnTables(saved), wanted)).toBeUndefined();
});

test('other rules of ours are replaced in one transaction: jumps once, chains emptied, those of old removed', () => {
  const lines = (transition(readOwnTables(older), wanted) ?? '').split('\n');
  expect(lines.filter((line) => line.startsWith('*') || line === 'COMMIT')).toEqual(['*nat', 'COMMIT']);
  expect(lines.filter((line) => line.startsWith('-D'))).toEqual([
    '-D OUTPUT -p tcp -j ISTIO_OUTPUT',
    '-D OUTPUT -p tcp -j ISTIO_OUTPUT',
  ]);
  expect(lines.filter((line) => line.startsWith('-A OUTPUT'))).toEqual(['-A OUTPUT -p tcp -j ISTIO_OUTPUT']);
  expect(lines.slice(-4)).toEqual(['-F ISTIO_TPROXY', '-X ISTIO_TPROXY', 'COMMIT', '']);
});

test('a jump that is there already keeps its place', () => {
  const text = transition(new Map(), wanted) ?? '';
  const changed = text.replace('--to-ports 15001', '--to-ports 15999');
  const lines = (transition(readOwnTables(changed), wanted) ?? '').split('\n');
  expect(lines.filter((line) => / (OUTPUT|PREROUTING) /.test(line))).toEqual([]);
  expect(lines).toContain('-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001');
});

test('removing takes what is ours and nothing else', () => {
  expect(transition(readOwnTables(older), new Map())).toBe(`*nat
-D OUTPUT -p tcp -j ISTIO_OUTPUT
-D OUTPUT -p tcp -j ISTIO_OUTPUT
-F ISTIO_OUTPUT
-F ISTIO_TPROXY
-X ISTIO_OUTPUT
-X ISTIO_TPROXY
COMMIT
`);
});

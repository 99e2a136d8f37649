// The redirection rules as text: every line's order and words matter to the kernel.

import { expect, test } from 'vitest';
import { defaultArguments, parseInterception } from '../../../agent/iptables/interception.ts';
import { installRules, removeRules } from '../../../agent/iptables/rules.ts';

const everything = parseInterception(defaultArguments);

test('by default everything goes through the proxy, except the proxy itself and the ports that are its own', () => {
  expect(installRules(everything, 'ipv4')).toBe(`*nat
:ISTIO_INBOUND - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_REDIRECT - [0:0]
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15021 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -p tcp -j ISTIO_OUTPUT
COMMIT
`);
});

test('named ports and ranges are redirected, excluded ones are not, and each family sees only its own ranges', () => {
  const some = parseInterception({
    ...defaultArguments,
    g: '',
    i: '10.0.0.0/8,fd00::/8',
    x: '10.9.0.1',
    b: '80, 8080',
    d: '',
    o: '3306',
    q: '9000',
  });

  expect(added(installRules(some, 'ipv4')).slice(2)).toEqual([
    '-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN',
    '-A ISTIO_INBOUND -p tcp --dport 80 -j ISTIO_IN_REDIRECT',
    '-A ISTIO_INBOUND -p tcp --dport 8080 -j ISTIO_IN_REDIRECT',
    '-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN',
    '-A ISTIO_OUTPUT -p tcp --dport 3306 -j RETURN',
    '-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT',
    '-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN',
    '-A ISTIO_OUTPUT -d 10.9.0.1/32 -j RETURN',
    '-A ISTIO_OUTPUT -p tcp --dport 9000 -j ISTIO_REDIRECT',
    '-A ISTIO_OUTPUT -d 10.0.0.0/8 -j ISTIO_REDIRECT',
  ]);
  expect(added(installRules(some, 'ipv6')).slice(-4)).toEqual([
    '-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT -d ::1/128 -j RETURN',
    '-A ISTIO_OUTPUT -p tcp --dport 9000 -j ISTIO_REDIRECT',
    '-A ISTIO_OUTPUT -d fd00::/8 -j ISTIO_REDIRECT',
  ]);
});

function added(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.startsWith('-A ISTIO_'));
}

const table = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:ISTIO_INBOUND - [0:0]
:ISTIO_OUTPUT - [0:0]
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A OUTPUT -d 10.0.0.9/32 -j DNAT --to-destination 10.0.0.1
COMMIT`;

test('installing over rules that are there replaces their jumps instead of adding second ones', () => {
  const lines = installRules(everything, 'ipv4', table).split('\n');
  expect(lines.filter((line) => line.startsWith('-D'))).toEqual([
    '-D PREROUTING -p tcp -j ISTIO_INBOUND',
    '-D OUTPUT -p tcp -j ISTIO_OUTPUT',
  ]);
});

test('removing takes only what is ours, and nothing where nothing is', () => {
  expect(removeRules(table)).toBe(`*nat
-D PREROUTING -p tcp -j ISTIO_INBOUND
-D OUTPUT -p tcp -j ISTIO_OUTPUT
-F ISTIO_INBOUND
-F ISTIO_OUTPUT
-X ISTIO_INBOUND
-X ISTIO_OUTPUT
COMMIT
`);
  expect(removeRules('*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n')).toBeUndefined();
});

test.each([
  [{ m: 'TPROXY' }, '-m TPROXY'],
  [{ p: '0' }, '-p: "0" is not a port'],
  [{ d: '80,70000' }, '-d: "70000" is not a port'],
  [{ u: 'envoy' }, '-u: "envoy" is not a numeric id'],
  [{ i: '10.0.0.0/40' }, '-i: "10.0.0.0/40" is not an address range'],
])('%o is refused with the argument at fault', (wrong, message) => {
  expect(() => parseInterception({ ...defaultArguments, ...wrong })).toThrow(message);
});

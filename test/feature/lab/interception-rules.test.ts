// The rules in a real kernel, by both kinds of iptables: in place once and as a whole, or not at all, and gone without a trace.

import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InterceptionArguments } from '../../../agent/iptables/parse-interception.ts';
import { describeLab } from '../../support/describe-lab.ts';
import { interceptionCases } from '../../support/interception-cases.ts';
import { networkLab } from '../../support/netns.ts';
import type { LabHost, NetworkLab } from '../../support/netns.ts';
import type { RunResult } from '../../support/process.ts';

const isthmus = [process.execPath, resolve(import.meta.dirname, 'run-iptables.ts')];

describeLab('rules in the kernel', () => {
  describe.each(['nft', 'legacy'])('written by iptables-%s', (kind) => {
    inKernel(kind);
  });
});

function inKernel(kind: string): void {
  let lab: NetworkLab;
  let pod: LabHost;

  const iptables = (...args: readonly string[]): Promise<RunResult> =>
    pod.exec([...isthmus, '--force-iptables-binary', kind, ...args]);
  const state = async (): Promise<string> => {
    const script = `iptables-${kind}-save; ip6tables-${kind}-save; ip rule; ip -6 rule; ip -6 addr show dev lo; ip route show table 133; ip -6 route show table 133`;
    const { stdout } = await pod.exec(['sh', '-c', `(${script}) 2>/dev/null`]);
    expect(stdout).toContain('*nat');
    return stdout.replaceAll(/^# .*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '');
  };
  const ruleOfOthers = (program: string, ...args: readonly string[]): Promise<RunResult> =>
    pod.execOrThrow([`${program}-${kind}`, '-t', 'nat', ...args]);

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    const legs = [
      { network: 'one', address: '10.1.0.1/24' },
      { network: 'one', address: 'fd00:1::1/64' },
    ];
    pod = await lab.host({ name: 'pod', legs });
    // Tables exist from their first use on: without this the state before could not be equal to the state after.
    for (const program of ['iptables', 'ip6tables']) {
      for (const table of ['raw', 'mangle', 'nat']) {
        for (const change of ['-N', '-X']) await pod.execOrThrow([`${program}-${kind}`, '-t', table, change, 'FIRST']);
      }
      await ruleOfOthers(program, '-N', 'OTHERS');
      await ruleOfOthers(program, '-A', 'OUTPUT', '-p', 'tcp', '--dport', '4', '-j', 'OTHERS');
    }
  });

  afterEach(() => lab.dispose());

  test.for(Object.entries(interceptionCases))('"%s": installed once, removed without a trace', async ([, given]) => {
    const before = await state();
    const args = asArguments(given);

    const first = await iptables(...args);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/rules installed \(IPv4, IPv6; iptables-/) });
    const installed = await state();
    const second = await iptables(...args);
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining('in place already, nothing to change') });
    expect(await state()).toBe(installed);

    const cleaned = await pod.exec([...isthmus, '--clean']);
    expect(cleaned).toMatchObject({ code: 0, stderr: expect.stringContaining('rules removed') });
    expect(await state()).toBe(before);
  });

  test('other rules of ours are replaced, and it says so', async () => {
    await iptables('--redirect-dns', '--capture-all-dns', '-m', 'TPROXY', '-t', '99');
    const replaced = await iptables('-d', '1000');
    expect(replaced).toMatchObject({ code: 0, stderr: expect.stringContaining('have been replaced') });
    const after = await state();
    await iptables('--clean');
    await iptables('-d', '1000');
    expect(await state()).toBe(after);
  });

  test('when the kernel refuses the last table, everything is as it was before', async () => {
    await iptables('--redirect-dns', '--capture-all-dns');
    // A chain that is referred to can't be removed: only the kernel knows, and only when the last of all tables is written.
    await ruleOfOthers('ip6tables', '-A', 'OTHERS', '-j', 'ISTIO_OUTPUT_DNS');
    const before = await state();

    const refused = await iptables('-m', 'TPROXY', '--drop-invalid');
    expect(refused).toMatchObject({ code: 7, stderr: expect.stringMatching(/^isthmus iptables: "ip6tables-.*\n$/) });
    expect(await state()).toBe(before);
  });

  test('a host without rules is left without rules when the second family is refused', async () => {
    const programs = join(lab.directory, 'programs');
    await mkdir(programs);
    const real = `/usr/sbin/ip6tables-${kind}-restore`;
    const script = `#!/bin/sh\ncase "$*" in *--test*) exec ${real} "$@";; esac\necho "no room" >&2; exit 1\n`;
    await writeFile(join(programs, `ip6tables-${kind}-restore`), script, { mode: 0o755 });
    const before = await state();

    const path = `PATH=${programs}:${process.env['PATH']}`;
    const refused = await pod.exec(['env', path, ...isthmus, '--force-iptables-binary', kind, '-m', 'TPROXY']);
    expect(refused).toMatchObject({ code: 7, stderr: expect.stringContaining('no room') });
    expect(await state()).toBe(before);
  });

  test('the kind that has the rules is found', async () => {
    await iptables();
    const found = await pod.exec(isthmus);
    expect(found.stderr).toContain(`nothing to change (IPv4, IPv6; iptables-${kind})`);
    const cleaned = await pod.exec([...isthmus, '--clean']);
    expect(cleaned.stderr).toContain('rules removed');
    const again = await pod.exec([...isthmus, '--cleanup']);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing to remove') });
  });
}

describeLab('where rules can not be written', () => {
  let lab: NetworkLab;
  let pod: LabHost;

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    pod = await lab.host({ name: 'pod', legs: [{ network: 'one', address: '10.1.0.1/24' }] });
  });

  afterEach(() => lab.dispose());

  test('without iptables, one sentence and exit code 8', async () => {
    const { code, stderr } = await pod.exec(['env', 'PATH=/nowhere', ...isthmus]);
    expect(stderr).toBe(
      'isthmus iptables: the program "iptables-save" is missing: install the package iptables, or take an image that has it\n',
    );
    expect(code).toBe(8);
  });

  describe.each([[], ['--force-iptables-binary', 'legacy'], ['--clean']])('as another user, with %s %s', (...args) => {
    test('one sentence and exit code 9', async () => {
      const asNobody = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];
      const { code, stderr } = await pod.exec([...asNobody, ...isthmus, ...args]);
      expect(stderr).toMatch(
        /^isthmus iptables: changing the packet filter is not permitted here: run it as root .*\n$/,
      );
      expect(code).toBe(9);
    });
  });

  test('a host without IPv6 gets rules for IPv4 and is told, unless IPv6 was asked for', async () => {
    await pod.execOrThrow(['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6']);
    const applied = await pod.exec(isthmus);
    expect(applied.stderr).toContain('no IPv6 in this network namespace: rules for IPv4 only');
    expect(applied.stderr).toContain('rules installed (IPv4;');
    expect(applied.code).toBe(0);

    const asked = await pod.exec([...isthmus, '--dual-stack']);
    expect(asked).toMatchObject({ code: 7, stderr: expect.stringContaining('--dual-stack: no device') });
  });

  test('--run-validation says as the proxy user whether traffic is redirected, and is exit code 126 when not', async () => {
    const validation = [...isthmus, '--run-validation', '--skip-rule-apply', '--probe-timeout', '500ms'];
    const without = await pod.exec(validation, { uid: 1337 });
    expect(without).toMatchObject({ code: 126, stderr: expect.stringContaining('did not arrive at port 15006') });
    await pod.execOrThrow(isthmus);
    const redirected = await pod.exec(validation, { uid: 1337 });
    expect(redirected).toMatchObject({ code: 0, stderr: 'isthmus iptables: a test connection was redirected\n' });
  });

  test("Istio's variables are taken, ours before them, and arguments before both", async () => {
    const dryRun = async (variables: readonly string[], ...args: readonly string[]): Promise<string> =>
      (await pod.execOrThrow(['env', ...variables, ...isthmus, '-n', ...args])).stdout;
    const istio = ['ENVOY_PORT=1', 'ISTIO_META_DNS_CAPTURE=true', 'CAPTURE_ALL_DNS=1', 'ISTIO_OUTBOUND_OWNER_GROUPS=7'];
    const fromIstio = await dryRun(istio);
    expect(fromIstio).toContain('-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 1\n');
    expect(fromIstio).toContain('--dport 53 -j REDIRECT --to-ports 15053');
    expect(fromIstio).toContain('-m owner ! --gid-owner 7 -j RETURN');
    const ours = [...istio, 'ISTHMUS_IPTABLES_ENVOY_PORT=2', 'ISTHMUS_IPTABLES_REDIRECT_DNS=false'];
    const fromOurs = await dryRun(ours);
    expect(fromOurs).toContain('REDIRECT --to-ports 2\n');
    expect(fromOurs).not.toContain('15053');
    expect(await dryRun(ours, '-p', '3')).toContain('REDIRECT --to-ports 3\n');
    const wrong = await pod.exec(['env', 'INVALID_DROP=perhaps', ...isthmus]);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: 'isthmus iptables: INVALID_DROP: "perhaps" is neither true nor false\n',
    });
  });
});

function asArguments(given: Partial<InterceptionArguments>): readonly string[] {
  return Object.entries(given).map(([name, value]) => {
    const option = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    // The number of a group that only the unit tests know.
    return `--${option}=${String(value).replaceAll('java', '203')}`;
  });
}

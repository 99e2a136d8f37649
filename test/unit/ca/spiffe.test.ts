import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaError } from '../../../ca/ca-error.ts';
import { formatSpiffeId, identity, parseSpiffeId } from '../../../ca/spiffe.ts';

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);

describe('SPIFFE ids', () => {
  it('come back as the three parts that they were made of', () => {
    fc.assert(
      fc.property(label, label, label, (trustDomain, namespace, serviceAccount) => {
        const who = { trustDomain, namespace, serviceAccount };
        expect(parseSpiffeId(formatSpiffeId(who))).toEqual(who);
      }),
    );
  });

  it.each([
    'spiffe://cluster.local/ns/default/sa/',
    'spiffe://cluster.local/ns//sa/sleep',
    'spiffe:///ns/default/sa/sleep',
    'spiffe://cluster.local/ns/default/sa/sleep/',
    'spiffe://cluster.local/ns/default/sa/sleep/x',
    'spiffe://cluster.local/sa/sleep/ns/default',
    'spiffe://cluster.local:80/ns/default/sa/sleep',
    'spiffe://user@cluster.local/ns/default/sa/sleep',
    'spiffe://Cluster.Local/ns/default/sa/sleep',
    'spiffe://cluster.local/ns/default/sa/sle%65p',
    'spiffe://cluster.local/ns/default/sa/sleep?x=1',
    'spiffe://cluster.local/ns/default/sa/sleep\n',
    'spiffe://cluster.local/ns/../sa/sleep',
    'SPIFFE://cluster.local/ns/default/sa/sleep',
    'https://cluster.local/ns/default/sa/sleep',
    '',
  ])('are refused in any other shape: %j', (uri) => {
    expect(parseSpiffeId(uri)).toMatchObject({ code: 'spiffe-id-invalid' });
  });

  it('take service accounts with dots, as Kubernetes does', () => {
    const who = { trustDomain: 'a', namespace: 'b', serviceAccount: 'build.robot-2' };
    expect(identity(who)).toEqual(who);
  });

  it('say which part is wrong', () => {
    const error = identity({ trustDomain: 'td', namespace: 'a/b', serviceAccount: 's' });
    expect(error).toBeInstanceOf(CaError);
    expect(error).toMatchObject({ message: '"a/b" is not a namespace.' });
  });
});

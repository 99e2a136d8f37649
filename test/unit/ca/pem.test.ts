import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPem, writePem } from '../../../ca/pem.ts';
import { failure } from '../../support/certificate-authority.ts';

describe('PEM', () => {
  it('gives back every list of blocks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
        const text = blocks.map((der) => writePem('CERTIFICATE', der)).join('');
        expect(readPem(text, 'it')).toEqual(blocks.map((der) => ({ label: 'CERTIFICATE', der: Buffer.from(der) })));
      }),
    );
  });

  it('reads past text between blocks and Windows line ends', () => {
    const text = `subject=CN = x\n${writePem('CERTIFICATE', Buffer.from('abc'))}\nmore`.replaceAll('\n', '\r\n');
    expect(readPem(text, 'it')).toEqual([{ label: 'CERTIFICATE', der: Buffer.from('abc') }]);
  });

  it.each([
    ['is not base64', '-----BEGIN X-----\n****\n-----END X-----\n'],
    ['is not base64', '-----BEGIN X-----\nYWJ\n-----END X-----\n'],
    ['has no end', '-----BEGIN X-----\nYWJj\n'],
    ['has no end', '-----BEGIN X-----\nYWJj\n-----END Y-----\n'],
  ])('says that a block %s, and where', (what, text) => {
    const error = failure(readPem(text, 'DIR/a.pem'));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain(what);
    expect(error.message).toContain('DIR/a.pem');
  });
});

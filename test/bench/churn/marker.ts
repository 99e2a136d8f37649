// The address that a change carries: the number of the change, readable in the bytes of an assignment without decoding it.

/** As many as there are addresses. */
const mostChanges = 1_000_000;

const prefix = '198.';
const addressBytes = 15;
/** As it stands in a message: behind its length. */
const sought = Buffer.from(`${String.fromCodePoint(addressBytes)}${prefix}`, 'latin1');

/** All are of one length and in a range that no endpoint of the mesh is in. @throws RangeError above a million changes */
export function markerOf(nth: number): string {
  if (nth >= mostChanges) throw new RangeError(`there are addresses for ${mostChanges} changes`);
  return `${prefix}${100 + Math.floor(nth / 10_000)}.${100 + (Math.floor(nth / 100) % 100)}.${100 + (nth % 100)}`;
}

/** The number of the change whose address stands in an encoded assignment; undefined when none does. */
export function changeIn(body: Buffer): number | undefined {
  const found = body.indexOf(sought);
  if (found === -1) return undefined;
  const octets = body.toString('latin1', found + sought.length, found + 1 + addressBytes).split('.');
  return octets.reduce((sum, octet) => sum * 100 + Number(octet) - 100, 0);
}

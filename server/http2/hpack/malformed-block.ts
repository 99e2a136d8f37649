// Why a header block can't be read. It never leaves the folder: the decoder turns it into a value.

export type MalformedReason =
  | 'the header block ends within a field'
  | 'an integer is too large'
  | 'an index is outside of the tables'
  | 'a text has no valid Huffman code'
  | 'a table size comes behind a field'
  | 'a table size is larger than allowed';

export class MalformedBlock extends Error {
  readonly reason: MalformedReason;

  constructor(reason: MalformedReason) {
    super(reason);
    this.name = 'MalformedBlock';
    this.reason = reason;
  }
}

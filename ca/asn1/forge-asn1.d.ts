// What node-forge's published types leave out: the options object of `fromDer`, and `create` for a tag that is a
// number of its context instead of a universal type.
import 'node-forge';

declare module 'node-forge' {
  namespace asn1 {
    function fromDer(
      bytes: string,
      options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean; maxDepth: number },
    ): Asn1;
    function create(tagClass: Class, tag: number, constructed: boolean, value: string | Asn1[]): Asn1;
  }
}

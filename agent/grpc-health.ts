// The two messages of gRPC's health protocol, as bytes. https://github.com/grpc/grpc/blob/master/doc/health-checking.md

/** `service`: the whole server when it is empty. At most 16,383 bytes. */
export function healthCheckRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return Buffer.alloc(0);
  const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** Field 1 of the answer, a varint: 1 is SERVING. */
export function isServing(answer: Uint8Array): boolean {
  return answer[0] === 0x08 && answer[1] === 1;
}

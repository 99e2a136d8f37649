// A call that reads until its client ends, and answers with a byte for each message.

import type { Call } from '../../server/grpc/call.ts';

export const countPath = '/test.Service/Count';

export function countCall(call: Call): void {
  let messages = 0;
  call.listen({
    message: () => (messages += 1),
    halfClosed: () => {
      call.write([new Uint8Array(messages)]);
      call.end({ code: 'OK', message: '' });
    },
  });
}

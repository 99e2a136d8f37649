// All that HTTP/2, the transport, the door, the certificate service and the xDS protocol promise is kept with workers, too: the
// same suites once more, their ports served by two.

import '../admission.test.ts';
import '../ca/ca-service.test.ts';
import '../client-budgets.test.ts';
import '../grpc-transport.test.ts';
import '../http2/abuse.test.ts';
import '../http2/any-client.test.ts';
import '../http2/connections.test.ts';
import '../http2/flow-control.test.ts';
import '../http2/interop.test.ts';
import '../xds-protocol/answers.test.ts';
import '../xds-protocol/bad-clients.test.ts';
import '../xds-protocol/incremental.test.ts';
import '../xds-protocol/ordering.test.ts';
import '../xds-protocol/streams.test.ts';
import '../xds-protocol/subscriptions.test.ts';
import '../xds-protocol/tls-port.test.ts';
import { serveByWorkers } from '../../support/worker-pool.ts';

serveByWorkers(2);

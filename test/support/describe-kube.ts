// `describeKube` is vitest's `describe` for suites on a real API server. Where none can be had the suite is skipped and the reason
// printed; in CI there is never a reason, since there a skip would hide that nothing was tested.

import { describe } from 'vitest';
import { describeLab } from './describe-lab.ts';
import { whyNoKube } from './kube.ts';

const reason = await whyNoKube();
if (reason !== undefined) console.warn(`suites on a real API server are skipped: ${reason}`);

export const describeKube = reason === undefined ? describe : describe.skip; // no API server can be had here; never in CI

/** Those that need separate networks too. */
export const describeKubeLab = reason === undefined ? describeLab : describe.skip; // as above

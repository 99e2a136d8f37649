// Whether an EnvoyFilter says who may come in: taking it back, or leaving it out, would open what it closes. In: the EnvoyFilters in
// force, and the key of an object. Out: whether it is one of them and guards access.

import type { EnvoyFilterPolicy } from '../../discovery/model/policy.ts';
import { objectKey, type ObjectKey } from '../../discovery/model/names.ts';

/** Parts of types of Envoy's filters that refuse requests by who asks. */
const guard = /\.(ext_authz|rbac|jwt_authn|oauth2|basic_auth|api_key_auth|ext_proc)\./;

export function guardsAccess(filters: Iterable<EnvoyFilterPolicy>, key: ObjectKey): boolean {
  for (const { name, namespace, patches } of filters) {
    if (objectKey('EnvoyFilter', namespace, name) !== key) continue;
    return patches.some(
      ({ filterClass, value }) =>
        filterClass === 'authn' || filterClass === 'authz' || guard.test(JSON.stringify(value ?? {})),
    );
  }
  return false;
}

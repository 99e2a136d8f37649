// Turns a generated resource into the bytes that are sent, once for a class of proxies: message, Any, both response
// frames, and the version, which is a hash of the message's bytes.

import { hash } from 'node:crypto';
import { encode } from '../../proto/codec.ts';
import { encodeResourceFrames } from '../../proto/splice.ts';
import type { Resource } from '../generate/resource.ts';
import { resourceName, resourceVersion, type EncodedResource, type ResourceVersion } from './encoded-resource.ts';

/** Hexadecimal digits of a version: 64 bits, so that two of a million versions collide once in ten million runs. */
const versionDigits = 16;

/** Equal messages give equal bytes and versions, in every process. Throws what `encode` throws. */
export function encodeResource<T>(resource: Resource<T>): EncodedResource {
  return encodeResourceBytes({
    typeUrl: resource.type.typeUrl,
    name: resource.name,
    body: encode<T>(resource.type, resource.message),
    sources: resource.sources,
  });
}

/** A resource whose message was encoded (or spliced out of parts) before. */
export interface ResourceBytes extends Pick<EncodedResource, 'typeUrl' | 'body' | 'sources'> {
  readonly name: string;
}

/** As `encodeResource`, for bytes that exist already. */
export function encodeResourceBytes(parts: ResourceBytes): EncodedResource {
  const { typeUrl, name, body, sources } = parts;
  const version = versionOfBytes(body);
  const frames = encodeResourceFrames({ name, version, typeUrl, value: body });
  return {
    typeUrl,
    name: resourceName(name),
    version,
    anyFrame: frames.anyFrame,
    deltaFrame: frames.deltaFrame,
    body: frames.value,
    sources,
  };
}

/** The version of these bytes. */
export function versionOfBytes(bytes: Uint8Array): ResourceVersion {
  return resourceVersion(hash('sha1', bytes, 'hex').slice(0, versionDigits));
}

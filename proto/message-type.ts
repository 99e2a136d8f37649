// A message type as a value: the generated files export one beside every interface, and the codec takes it
// together with a value of that interface. It only carries names; nothing is loaded until something is encoded.

/** Names one protobuf message. `T` is its shape in TypeScript; types of different shape are not interchangeable. */
export interface MessageType<T> {
  /** `envoy.config.cluster.v3.Cluster` */
  readonly fullName: string;
  /** `type.googleapis.com/envoy.config.cluster.v3.Cluster` */
  readonly typeUrl: string;
  /** Never present: makes the compiler compare `T` in both directions. */
  readonly shape?: ((value: T) => T) | undefined;
}

const typeUrlPrefix = 'type.googleapis.com/';

/** The name of the message with this full protobuf name. */
export function messageType<T>(fullName: string): MessageType<T> {
  return { fullName, typeUrl: typeUrlPrefix + fullName };
}

/** The full message name in a type URL: what follows the last slash. */
export function fullNameOfTypeUrl(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

// Names of gateways in VirtualServices.

/** `mesh`, or NAMESPACE/NAME; a bare name is one of the object's own namespace. */
export function gatewayName(text: string, namespace: string): string {
  return text === 'mesh' || text.includes('/') ? text : `${namespace}/${text}`;
}

// The images of a pod's proxy and of its init container, from the annotation, the ProxyConfig and the settings.

import type { SidecarContext } from './sidecar-context.ts';

/** Endings of the tags of Istio's variants. */
const variants = ['distroless', 'debug'];

export function imageOf(context: SidecarContext, use: 'proxy' | 'init'): string {
  const { annotations, dataPlane, settings } = context;
  const { hub, tag, proxy, proxyInit, agent } = settings.images;
  const own = annotations['sidecar.istio.io/proxyImage'];
  if (dataPlane === 'isthmus') return own ?? agent;
  const image = (use === 'proxy' ? own : undefined) ?? (use === 'proxy' ? proxy : proxyInit);
  if (image.includes('/')) return image;
  if (image.includes(':')) return `${hub}/${image}`;
  const type = annotations['sidecar.istio.io/proxyImageType'] ?? context.config.imageType ?? '';
  return `${hub}/${image}:${use === 'proxy' ? variantOf(tag, type) : tag}`;
}

/** `1.27-distroless` of `1.27` and `distroless`; another variant that the tag ends with is replaced. */
function variantOf(tag: string, type: string): string {
  if (type === '') return tag;
  const known = variants.find((variant) => tag.endsWith(`-${variant}`));
  const plain = known === undefined ? tag : tag.slice(0, -known.length - 1);
  return type === 'default' ? plain : `${plain}-${type}`;
}

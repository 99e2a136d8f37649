// Where an endpoint or a proxy is. Empty strings where unknown.

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

export const unknownLocality: Locality = Object.freeze({ region: '', zone: '', subzone: '' });

/** `region/zone/subzone` without trailing empty parts; empty when unknown. */
export function formatLocality(locality: Locality): string {
  return [locality.region, locality.zone, locality.subzone].join('/').replace(/\/+$/, '');
}

/** Reads `region[/zone[/subzone]]`. */
export function parseLocality(text: string): Locality {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return { region, zone, subzone };
}

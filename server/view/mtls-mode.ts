// Which mode of mutual TLS holds for a workload's ports, for the layers that look through views.

export { mtlsModesOf, turnsMtlsOff, type MtlsModes } from '../../discovery/mesh/mtls-mode.ts';

import type { Labels } from './container.ts';

/** A range of addresses of a network. @see compose-spec 06-networks.md#ipam */
export interface AddressPool {
  /** `172.28.0.0/16`. */
  readonly subnet: string | undefined;
  readonly gateway: string | undefined;
  readonly ipRange: string | undefined;
  readonly auxAddresses: Readonly<Record<string, string>>;
}

export interface NetworkConfig {
  readonly name: string;
  readonly driver: 'bridge';
  readonly driverOptions: Readonly<Record<string, string>>;
  /** No way out. */
  readonly isInternal: boolean;
  readonly isAttachable: boolean;
  readonly hasIpv6: boolean;
  readonly pools: readonly AddressPool[];
  readonly labels: Labels;
}

/** A network that exists. */
export interface Network {
  readonly id: string;
  readonly config: NetworkConfig;
  /** Name of the bridge interface. */
  readonly bridge: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly createdAt: string;
}

export interface VolumeConfig {
  readonly name: string;
  readonly driver: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly labels: Labels;
}

/** A volume that exists. */
export interface Volume {
  readonly config: VolumeConfig;
  /** Absolute path of its content on the host. */
  readonly path: string;
  readonly isAnonymous: boolean;
  readonly createdAt: string;
}

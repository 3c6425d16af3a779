import type { NetworkConfig } from '../../src/model/network.ts';
import type { ConnectRequest, ConnectResult } from '../../src/network/connections.ts';

/** A network without any settings of its own. */
export function networkConfig(name: string, changes: Partial<NetworkConfig> = {}): NetworkConfig {
  return {
    name,
    driver: 'bridge',
    driverOptions: {},
    isInternal: false,
    isAttachable: false,
    hasIpv6: false,
    pools: [],
    labels: {},
    ...changes,
  };
}

/** A request for `container` to be on `networks` (`name` or `name=alias,alias`). */
export function connectRequest(
  container: { readonly id: string; readonly pid: number },
  name: string,
  networks: readonly string[],
  changes: Partial<ConnectRequest> = {},
): ConnectRequest {
  return {
    containerId: container.id,
    containerName: name,
    pid: container.pid,
    endpoints: networks.map((text) => {
      const [network = '', aliases = ''] = text.split('=');
      return {
        network,
        aliases: aliases.split(',').filter(Boolean),
        ipv4Address: undefined,
        ipv6Address: undefined,
        macAddress: undefined,
        gatewayPriority: 0,
        priority: 0,
      };
    }),
    ports: [],
    dns: [],
    previous: [],
    previousPorts: [],
    ...changes,
  };
}

/** A port as `HOST:CONTAINER` in the request. */
export function portBinding(
  hostPort: number | undefined,
  containerPort: number,
  changes: Partial<ConnectRequest['ports'][number]> = {},
): ConnectRequest['ports'][number] {
  return {
    hostIp: undefined,
    hostPort,
    hostPortEnd: undefined,
    containerPort,
    protocol: 'tcp',
    ...changes,
  };
}

/** The container's address on its first network. */
export function addressOf(result: ConnectResult): string {
  return result.endpoints[0]!.ipv4Address!;
}

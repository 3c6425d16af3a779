import { type Address, type Subnet, formatAddress, formatSubnet } from './addresses.ts';

/** A network as the firewall sees it. */
export interface FirewallNetwork {
  readonly bridge: string;
  readonly ipv4: Subnet;
  readonly ipv6: Subnet | undefined;
  /** No way out, and no way in. */
  readonly isInternal: boolean;
  /** Containers leave with an address of the host. */
  readonly isMasqueraded: boolean;
  /** Containers of the network may talk to each other. */
  readonly isOpenInside: boolean;
}

/** A published port that the kernel forwards. */
export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  /** Undefined: every local IPv4 address. */
  readonly hostAddress: Address | undefined;
  readonly hostPort: number;
  readonly target: Address;
  readonly targetPort: number;
}

export interface FirewallModel {
  readonly networks: readonly FirewallNetwork[];
  readonly forwards: readonly PortForward[];
}

/**
 * What never changes. A packet takes this way; what depends on networks and ports is in sets, maps and the
 * chains without a hook:
 *
 *     guard        raw        containers do not reach the host's loopback
 *     prerouting   dstnat  ┐  publish: a published port of a local address → the container's
 *     output       dstnat  ┘
 *     forward      filter     internal: no way past the bridge; answers and published ports pass;
 *                             inside: from a bridge to itself; networks are kept apart, and ways out pass
 *     postrouting  srcnat     leaving: with the host's address; published on loopback or to oneself: the
 *                             bridge's, so that the answer comes back this way
 */
const IPV4_BASE = `
  set bridges { type ifname; }
  map bound_tcp { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map bound_udp { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map open_tcp { type inet_service : ipv4_addr . inet_service; }
  map open_udp { type inet_service : ipv4_addr . inet_service; }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }
  chain publish {
    dnat ip to ip daddr . tcp dport map @bound_tcp
    dnat ip to tcp dport map @open_tcp
    dnat ip to ip daddr . udp dport map @bound_udp
    dnat ip to udp dport map @open_udp
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
`;

const FORWARD_BASE = `
  chain internal { }
  chain inside { }
  chain forward {
    type filter hook forward priority filter; policy accept;
    jump internal
    ct state established,related accept
    ct status dnat oifname @bridges accept
    jump inside
    oifname @bridges drop
    iifname @bridges accept
  }
  chain leaving { }
`;

const IPV4_END = `
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    jump leaving
  }
`;

const IPV6_END = `
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    jump leaving
  }
`;

/** The families that a table of ours may be in. */
export type TableFamily = 'ip' | 'ip6';

/**
 * The nftables commands that make the tables of ours be what `model` says, in one transaction. Tables of
 * ours that are there, in the families `existing`, go first. Without networks nothing of ours is left. The
 * same model gives the same text.
 *
 * @see man 8 nft
 */
export function formatRules(
  table: string,
  model: FirewallModel,
  existing: readonly TableFamily[],
): string {
  const hasIpv4 = model.networks.length > 0;
  const hasIpv6 = model.networks.some((network) => network.ipv6 !== undefined);
  return [
    ...existing.map((family) => `delete table ${family} ${table}\n`),
    hasIpv4 ? `table ip ${table} {${IPV4_BASE}${FORWARD_BASE}${IPV4_END}}\n` : '',
    hasIpv6
      ? `table ip6 ${table} {\n  set bridges { type ifname; }${FORWARD_BASE}${IPV6_END}}\n`
      : '',
    formatAdditions(table, model),
  ].join('');
}

/** The families in which the output of `list tables` names our table. */
export function parseTableFamilies(table: string, listing: string): readonly TableFamily[] {
  const lines = new Set(listing.split('\n').map((line) => line.trim()));
  return (['ip', 'ip6'] as const).filter((family) => lines.has(`table ${family} ${table}`));
}

/** The commands that add networks and forwards to the tables as `formatRules` makes them. */
export function formatAdditions(table: string, model: FirewallModel): string {
  const networks = [...model.networks].sort((a, b) => compare(a.bridge, b.bridge));
  return [
    ...networks.flatMap((network) => addNetwork(`ip ${table}`, network, network.ipv4)),
    ...networks.flatMap((network) =>
      network.ipv6 === undefined ? [] : addNetwork(`ip6 ${table}`, network, network.ipv6),
    ),
    ...addForwards(`ip ${table}`, model.forwards),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * What `wanted` has beyond `current` when it only has more; undefined when something is gone or changed, and
 * when the first IPv6 network brings a table of its own. Adding costs the kernel a fifth of a millisecond,
 * removing some ten, as it waits until no packet is on its way through the old rules.
 */
export function findAdditions(
  current: FirewallModel,
  wanted: FirewallModel,
): FirewallModel | undefined {
  if (current.networks.length === 0) return undefined;
  const networks = findAdded(current.networks, wanted.networks, describeNetwork);
  const forwards = findAdded(current.forwards, wanted.forwards, (forward) =>
    Object.values(describeForward(forward)).join(' '),
  );
  if (networks === undefined || forwards === undefined) return undefined;
  const hasIpv6 = (list: readonly FirewallNetwork[]): boolean =>
    list.some((network) => network.ipv6 !== undefined);
  return hasIpv6(networks) && !hasIpv6(current.networks) ? undefined : { networks, forwards };
}

function findAdded<T>(
  current: readonly T[],
  wanted: readonly T[],
  describe: (item: T) => string,
): readonly T[] | undefined {
  const before = new Set(current.map(describe));
  const added = wanted.filter((item) => !before.delete(describe(item)));
  return before.size === 0 ? added : undefined;
}

function describeNetwork(network: FirewallNetwork): string {
  const lines = [
    ...addNetwork('', network, network.ipv4),
    ...(network.ipv6 === undefined ? [] : addNetwork('', network, network.ipv6)),
  ];
  return lines.join('\n');
}

function addNetwork(table: string, network: FirewallNetwork, subnet: Subnet): readonly string[] {
  const { bridge, isInternal, isMasqueraded, isOpenInside } = network;
  const from = `${subnet.family === 4 ? 'ip' : 'ip6'} saddr ${formatSubnet(subnet)}`;
  const rule = (chain: string, text: string): string => `add rule ${table} ${chain} ${text}`;
  return [
    `add element ${table} bridges { "${bridge}" }`,
    ...(isInternal
      ? [
          rule('internal', `iifname "${bridge}" oifname != "${bridge}" drop`),
          rule('internal', `iifname != "${bridge}" oifname "${bridge}" drop`),
        ]
      : []),
    rule('inside', `iifname "${bridge}" oifname "${bridge}" ${isOpenInside ? 'accept' : 'drop'}`),
    rule('leaving', `oifname "${bridge}" ${from} ct status dnat masquerade`),
    ...(isInternal || !isMasqueraded
      ? []
      : [rule('leaving', `oifname != "${bridge}" ${from} masquerade`)]),
  ];
}

/** One command for each map: a thousand ports are not unusual. */
function addForwards(table: string, forwards: readonly PortForward[]): readonly string[] {
  const elements = new Map<string, string[]>();
  for (const { map, element } of forwards.map(describeForward)) {
    const list = elements.get(map);
    if (list === undefined) elements.set(map, [element]);
    else list.push(element);
  }
  return [...elements]
    .map(([map, list]) => `add element ${table} ${map} { ${list.sort(compare).join(', ')} }`)
    .sort(compare);
}

function describeForward(forward: PortForward): { readonly map: string; readonly element: string } {
  const { protocol, hostAddress, hostPort, target, targetPort } = forward;
  const to = `${formatAddress(target)} . ${targetPort}`;
  if (hostAddress === undefined) {
    return { map: `open_${protocol}`, element: `${hostPort} : ${to}` };
  }
  const from = `${formatAddress(hostAddress)} . ${hostPort}`;
  return { map: `bound_${protocol}`, element: `${from} : ${to}` };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

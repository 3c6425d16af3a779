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
 * The nftables commands that make the tables of ours be what `model` says, whatever they were before, in one
 * transaction. Without networks nothing of ours is left. The same model gives the same text.
 *
 * A packet takes this way:
 *
 *     guard        raw        containers do not reach the host's loopback
 *     prerouting   dstnat  ┐  a published port of a local address → the container's
 *     output       dstnat  ┘
 *     forward      filter     published ports, answers and ways out pass; networks are kept apart
 *     postrouting  srcnat     leaving: the host's address; published on loopback or to oneself: the bridge's
 *
 * @see man 8 nft
 */
export function formatRules(table: string, model: FirewallModel): string {
  const ipv6 = model.networks.filter((network) => network.ipv6 !== undefined);
  return [
    replaceTable('ip', table, model.networks.length === 0 ? undefined : ipv4Table(model)),
    replaceTable('ip6', table, ipv6.length === 0 ? undefined : ipv6Table(ipv6)),
  ].join('');
}

function replaceTable(family: string, table: string, body: string | undefined): string {
  // A table that is not there cannot be deleted, so it is added first.
  const clear = `add table ${family} ${table}\ndelete table ${family} ${table}\n`;
  return body === undefined ? clear : `${clear}table ${family} ${table} {\n${body}}\n`;
}

function ipv4Table(model: FirewallModel): string {
  const sorted = [...model.networks].sort((a, b) => compare(a.bridge, b.bridge));
  return [
    bridgeSet(sorted),
    ...portMaps(model.forwards),
    chain('guard', 'type filter hook prerouting priority raw; policy accept', [
      'iifname @bridges ip daddr 127.0.0.0/8 drop',
    ]),
    chain('publish', undefined, [
      'dnat ip to ip daddr . tcp dport map @bound_tcp',
      'dnat ip to tcp dport map @open_tcp',
      'dnat ip to ip daddr . udp dport map @bound_udp',
      'dnat ip to udp dport map @open_udp',
    ]),
    chain('prerouting', 'type nat hook prerouting priority dstnat; policy accept', [
      'fib daddr type local jump publish',
    ]),
    chain('output', 'type nat hook output priority -100; policy accept', [
      'fib daddr type local jump publish',
    ]),
    forwardChain(sorted),
    chain('postrouting', 'type nat hook postrouting priority srcnat; policy accept', [
      'oifname @bridges ip saddr 127.0.0.0/8 masquerade',
      ...sorted.flatMap((network) => masquerade(network, 'ip', network.ipv4)),
    ]),
  ].join('\n');
}

function ipv6Table(networks: readonly FirewallNetwork[]): string {
  const sorted = [...networks].sort((a, b) => compare(a.bridge, b.bridge));
  return [
    bridgeSet(sorted),
    forwardChain(sorted),
    chain('postrouting', 'type nat hook postrouting priority srcnat; policy accept', [
      ...sorted.flatMap((network) =>
        network.ipv6 === undefined ? [] : masquerade(network, 'ip6', network.ipv6),
      ),
    ]),
  ].join('\n');
}

function forwardChain(networks: readonly FirewallNetwork[]): string {
  return chain('forward', 'type filter hook forward priority filter; policy accept', [
    ...networks
      .filter((network) => network.isInternal)
      .flatMap(({ bridge }) => [
        `iifname "${bridge}" oifname != "${bridge}" drop`,
        `iifname != "${bridge}" oifname "${bridge}" drop`,
      ]),
    'ct state established,related accept',
    'ct status dnat oifname @bridges accept',
    ...networks.map(({ bridge, isOpenInside }) => {
      return `iifname "${bridge}" oifname "${bridge}" ${isOpenInside ? 'accept' : 'drop'}`;
    }),
    // Neither another network of ours nor a neighbour of the host reaches what is not published.
    'oifname @bridges drop',
    'iifname @bridges accept',
  ]);
}

function masquerade(network: FirewallNetwork, family: string, subnet: Subnet): readonly string[] {
  const from = `${family} saddr ${formatSubnet(subnet)}`;
  const toOneself = `oifname "${network.bridge}" ${from} ct status dnat masquerade`;
  const leaving = `oifname != "${network.bridge}" ${from} masquerade`;
  return network.isInternal || !network.isMasqueraded ? [toOneself] : [toOneself, leaving];
}

function bridgeSet(networks: readonly FirewallNetwork[]): string {
  return block('set bridges', [
    'type ifname',
    ...elements(networks.map((network) => `"${network.bridge}"`)),
  ]);
}

function portMaps(forwards: readonly PortForward[]): readonly string[] {
  return (['tcp', 'udp'] as const).flatMap((protocol) => {
    const mine = forwards.filter((forward) => forward.protocol === protocol);
    const bound = mine.flatMap((forward) => {
      if (forward.hostAddress === undefined) return [];
      const key = `${formatAddress(forward.hostAddress)} . ${forward.hostPort}`;
      return [`${key} : ${formatTarget(forward)}`];
    });
    const open = mine
      .filter((forward) => forward.hostAddress === undefined)
      .map((forward) => `${forward.hostPort} : ${formatTarget(forward)}`);
    return [
      block(`map bound_${protocol}`, [
        'type ipv4_addr . inet_service : ipv4_addr . inet_service',
        ...elements(bound),
      ]),
      block(`map open_${protocol}`, [
        'type inet_service : ipv4_addr . inet_service',
        ...elements(open),
      ]),
    ];
  });
}

function formatTarget(forward: PortForward): string {
  return `${formatAddress(forward.target)} . ${forward.targetPort}`;
}

function elements(items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`elements = { ${[...items].sort(compare).join(', ')} }`];
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): string {
  return block(`chain ${name}`, hook === undefined ? rules : [hook, ...rules]);
}

function block(title: string, lines: readonly string[]): string {
  return `  ${title} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

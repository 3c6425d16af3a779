import { type Message, FLAG, attribute, nested, text, u32, u8 } from './netlink.ts';

// Numbers of linux/rtnetlink.h, if_link.h, if_addr.h and ip.h.
const TYPE = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  newRoute: 24,
  getRoute: 26,
} as const;

export const LINK_ATTRIBUTE = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  operState: 16,
  linkInfo: 18,
  netNsPid: 19,
  alias: 20,
  familySpec: 26,
  group: 27,
} as const;

const LINK_INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const VETH_PEER = 1;
const PORT_HAIRPIN = 4;
const INET_CONF = 1;
const INET_CONF_FORWARDING = 1;
const INET_CONF_ROUTE_LOCALNET = 26;
const INET6_ADDRESS_MODE = 8;
const INET6_ADDRESS_MODE_NONE = 1;
const ADDRESS_ATTRIBUTE = { address: 1, local: 2, broadcast: 4, flags: 8 } as const;
const ADDRESS_NO_DAD = 0x02;
export const ROUTE_ATTRIBUTE = { destination: 1, outLink: 4, gateway: 5, table: 15 } as const;
export const MAIN_TABLE = 254;
const BY_ADMINISTRATOR = 4;
const UNICAST = 1;
const IFF_UP = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** The address family's number. */
export const FAMILY = { 4: AF_INET, 6: AF_INET6 } as const;

/** An IPv4 or IPv6 address in network order. */
export interface AddressBytes {
  readonly bytes: Buffer;
  readonly prefixLength: number;
}

/** `ip link add NAME address MAC mtu MTU type bridge` */
export function addBridge(name: string, mac: Buffer, mtu: number | undefined): Message {
  return {
    type: TYPE.newLink,
    flags: FLAG.create | FLAG.exclusive,
    body: Buffer.concat([
      linkHeader(),
      attribute(LINK_ATTRIBUTE.name, text(name)),
      attribute(LINK_ATTRIBUTE.address, mac),
      ...mtuAttribute(mtu),
      nested(LINK_ATTRIBUTE.linkInfo, attribute(LINK_INFO.kind, text('bridge'))),
    ]),
  };
}

/** Settings of a bridge: its alias, up, and what forwarding and publishing on loopback need. */
export function setUpBridge(name: string, alias: string, hasLinkLocalIpv6: boolean): Message {
  const conf = nested(
    INET_CONF,
    attribute(INET_CONF_FORWARDING, u32(1)),
    attribute(INET_CONF_ROUTE_LOCALNET, u32(1)),
  );
  return {
    type: TYPE.setLink,
    flags: 0,
    body: Buffer.concat([
      linkHeader({ isUp: true }),
      attribute(LINK_ATTRIBUTE.name, text(name)),
      attribute(LINK_ATTRIBUTE.alias, Buffer.from(alias)),
      nested(LINK_ATTRIBUTE.familySpec, nested(AF_INET, conf), ...inet6(hasLinkLocalIpv6)),
    ]),
  };
}

export interface VethRequest {
  readonly name: string;
  readonly bridgeIndex: number;
  /** The process in whose network namespace the other end appears. */
  readonly peerPid: number;
  readonly peerName: string;
  readonly peerMac: Buffer;
  readonly mtu: number | undefined;
}

/** `ip link add NAME master BRIDGE type veth peer PEER netns PID` */
export function addVeth(request: VethRequest): Message {
  const peer = attribute(
    VETH_PEER,
    Buffer.concat([
      linkHeader(),
      attribute(LINK_ATTRIBUTE.name, text(request.peerName)),
      attribute(LINK_ATTRIBUTE.address, request.peerMac),
      attribute(LINK_ATTRIBUTE.netNsPid, u32(request.peerPid)),
      ...mtuAttribute(request.mtu),
    ]),
  );
  return {
    type: TYPE.newLink,
    flags: FLAG.create | FLAG.exclusive,
    body: Buffer.concat([
      linkHeader(),
      attribute(LINK_ATTRIBUTE.name, text(request.name)),
      attribute(LINK_ATTRIBUTE.master, u32(request.bridgeIndex)),
      ...mtuAttribute(request.mtu),
      nested(
        LINK_ATTRIBUTE.linkInfo,
        attribute(LINK_INFO.kind, text('veth')),
        nested(LINK_INFO.data, peer),
      ),
    ]),
  };
}

/** Settings of a bridge port: its alias, hairpin, up and, where there is IPv6, no address of its own. */
export function setUpBridgePort(name: string, alias: string, canHaveIpv6: boolean): Message {
  return {
    type: TYPE.newLink,
    flags: 0,
    body: Buffer.concat([
      linkHeader({ isUp: true }),
      attribute(LINK_ATTRIBUTE.name, text(name)),
      attribute(LINK_ATTRIBUTE.alias, Buffer.from(alias)),
      nested(
        LINK_ATTRIBUTE.linkInfo,
        attribute(LINK_INFO.kind, text('veth')),
        attribute(LINK_INFO.slaveKind, text('bridge')),
        nested(LINK_INFO.slaveData, attribute(PORT_HAIRPIN, u8(1))),
      ),
      ...(canHaveIpv6 ? [nested(LINK_ATTRIBUTE.familySpec, ...inet6(false))] : []),
    ]),
  };
}

/** `ip link set INDEX up` */
export function setUpLink(index: number): Message {
  return { type: TYPE.setLink, flags: 0, body: linkHeader({ index, isUp: true }) };
}

/**
 * `ip link set INDEX addrgenmode none`: the kernel is to give it no link-local address. To be sent before the link comes
 * up: one whose state is not known yet gets its address at that very moment.
 */
export function refuseLinkLocal(index: number): Message {
  return {
    type: TYPE.setLink,
    flags: 0,
    body: Buffer.concat([
      linkHeader({ index }),
      nested(LINK_ATTRIBUTE.familySpec, ...inet6(false)),
    ]),
  };
}

/** `ip link delete NAME` */
export function deleteLink(name: string): Message {
  const body = Buffer.concat([linkHeader(), attribute(LINK_ATTRIBUTE.name, text(name))]);
  return { type: TYPE.deleteLink, flags: 0, body };
}

/** `ip link set NAME group GROUP` */
export function setLinkGroup(name: string, group: number): Message {
  return {
    type: TYPE.setLink,
    flags: 0,
    body: Buffer.concat([
      linkHeader(),
      attribute(LINK_ATTRIBUTE.name, text(name)),
      attribute(LINK_ATTRIBUTE.group, u32(group)),
    ]),
  };
}

/** `ip link delete group GROUP` */
export function deleteLinkGroup(group: number): Message {
  const body = Buffer.concat([linkHeader(), attribute(LINK_ATTRIBUTE.group, u32(group))]);
  return { type: TYPE.deleteLink, flags: 0, body };
}

/** Asks for one link. */
export function getLink(name: string): Message {
  const body = Buffer.concat([linkHeader(), attribute(LINK_ATTRIBUTE.name, text(name))]);
  return { type: TYPE.getLink, flags: 0, body };
}

/** Asks for all links. */
export function listLinks(): Message {
  return { type: TYPE.getLink, flags: FLAG.dump, body: linkHeader() };
}

/** `ip address replace ADDRESS dev INDEX`, for IPv6 without duplicate address detection. */
export function addAddress(index: number, address: AddressBytes): Message {
  const isV4 = address.bytes.length === 4;
  return {
    type: TYPE.newAddress,
    flags: FLAG.create | FLAG.replace,
    body: Buffer.concat([
      Buffer.from([isV4 ? AF_INET : AF_INET6, address.prefixLength, 0, 0]),
      u32(index),
      attribute(ADDRESS_ATTRIBUTE.local, address.bytes),
      attribute(ADDRESS_ATTRIBUTE.address, address.bytes),
      isV4
        ? attribute(ADDRESS_ATTRIBUTE.broadcast, broadcastOf(address))
        : attribute(ADDRESS_ATTRIBUTE.flags, u32(ADDRESS_NO_DAD)),
    ]),
  };
}

/** `ip address del ADDRESS dev INDEX` */
export function removeAddress(index: number, address: AddressBytes): Message {
  const family = address.bytes.length === 4 ? AF_INET : AF_INET6;
  return {
    type: TYPE.deleteAddress,
    flags: 0,
    body: Buffer.concat([
      Buffer.from([family, address.prefixLength, 0, 0]),
      u32(index),
      attribute(ADDRESS_ATTRIBUTE.local, address.bytes),
      attribute(ADDRESS_ATTRIBUTE.address, address.bytes),
    ]),
  };
}

/** `ip route add default via GATEWAY dev INDEX` */
export function addDefaultRoute(index: number, gateway: Buffer): Message {
  const family = gateway.length === 4 ? AF_INET : AF_INET6;
  return {
    type: TYPE.newRoute,
    flags: FLAG.create | FLAG.exclusive,
    body: Buffer.concat([
      Buffer.from([family, 0, 0, 0, MAIN_TABLE, BY_ADMINISTRATOR, 0, UNICAST]),
      u32(0),
      attribute(ROUTE_ATTRIBUTE.gateway, gateway),
      attribute(ROUTE_ATTRIBUTE.outLink, u32(index)),
    ]),
  };
}

/** Asks for all routes of a family, in all tables. */
export function listRoutes(family: 4 | 6): Message {
  const body = Buffer.alloc(12);
  body[0] = FAMILY[family];
  return { type: TYPE.getRoute, flags: FLAG.dump, body };
}

function linkHeader(options: { readonly index?: number; readonly isUp?: boolean } = {}): Buffer {
  const flags = options.isUp === true ? IFF_UP : 0;
  return Buffer.concat([Buffer.alloc(4), u32(options.index ?? 0), u32(flags), u32(flags)]);
}

function mtuAttribute(mtu: number | undefined): readonly Buffer[] {
  return mtu === undefined ? [] : [attribute(LINK_ATTRIBUTE.mtu, u32(mtu))];
}

function inet6(hasLinkLocal: boolean): readonly Buffer[] {
  if (hasLinkLocal) return [];
  return [nested(AF_INET6, attribute(INET6_ADDRESS_MODE, u8(INET6_ADDRESS_MODE_NONE)))];
}

function broadcastOf(address: AddressBytes): Buffer {
  const hostBits = address.prefixLength === 0 ? 0xffffffff : 0xffffffff >>> address.prefixLength;
  const bytes = Buffer.alloc(4);
  const value = address.bytes.readUInt32BE(0) | (address.prefixLength === 32 ? 0 : hostBits);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

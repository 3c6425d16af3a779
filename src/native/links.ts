import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';

import { delay } from '../base/abort.ts';
import { findErrno } from '../base/errors.ts';
import {
  type AddressBytes,
  type VethRequest,
  LINK_ATTRIBUTE,
  MAIN_TABLE,
  ROUTE_ATTRIBUTE,
  addAddress,
  addBridge,
  addDefaultRoute,
  addVeth,
  deleteLink,
  deleteLinkGroup,
  getLink,
  listLinks,
  listRoutes,
  refuseLinkLocal,
  removeAddress,
  setLinkGroup,
  setUpBridge,
  setUpBridgePort,
  setUpLink,
} from './link-messages.ts';
import {
  type Message,
  type Reply,
  NETLINK,
  NetlinkSocket,
  decodeAttributes,
  decodeText,
  netlinkRequest,
  readU32,
} from './netlink.ts';
import type { NetlinkRequest } from './sockets.ts';

/** A network interface. */
export interface Link {
  readonly index: number;
  /** Of what it leads to, such as the other end of a pair, in that one's namespace; its own where there is nothing. */
  readonly peerIndex: number;
  readonly name: string;
  /** Whatever its maker wrote on it; undefined where nothing was. */
  readonly alias: string | undefined;
  /** `IF_OPER_UP`: frames pass. */
  readonly isOperational: boolean;
}

/** A route of the main table; the default route has prefix length 0. */
export interface Route {
  readonly destination: AddressBytes;
  readonly linkIndex: number | undefined;
}

export interface BridgeRequest {
  readonly name: string;
  readonly alias: string;
  readonly mac: Buffer;
  readonly mtu: number | undefined;
  /** The first is IPv4. */
  readonly addresses: readonly AddressBytes[];
}

export interface ContainerLink {
  readonly index: number;
  readonly addresses: readonly AddressBytes[];
  /** Gateways of default routes. */
  readonly gateways: readonly Buffer[];
}

const LOOPBACK_INDEX = 1;
const OPERSTATE_UP = 6;
const LINK_HEADER_BYTES = 16;
const ROUTE_HEADER_BYTES = 12;

/** A socket for `Links` in a namespace whose loopback is brought up, so that others can be bound to its addresses. */
export function loopbackRequest(): NetlinkRequest {
  return netlinkRequest(NETLINK.route, [setUpLink(LOOPBACK_INDEX)]);
}

/**
 * The links, addresses and routes of one network namespace. All methods throw errors with the kernel's
 * `code`.
 *
 * @see man 7 rtnetlink
 */
export class Links implements Disposable {
  private readonly socket: NetlinkSocket;

  /** Those of the namespace in which `socket` was opened, which it takes over: see `loopbackRequest`. */
  constructor(socket: NetlinkSocket) {
    this.socket = socket;
  }

  /** Those of this process's network namespace. */
  static async open(): Promise<Links> {
    return new Links(await NetlinkSocket.open(NETLINK.route));
  }

  async list(): Promise<readonly Link[]> {
    return (await this.socket.request([listLinks()])).map(parseLink);
  }

  async find(name: string): Promise<Link | undefined> {
    try {
      const [reply] = await this.socket.request([getLink(name)]);
      return reply === undefined ? undefined : parseLink(reply);
    } catch (error) {
      if (findErrno(error) === 'ENODEV') return undefined;
      throw error;
    }
  }

  /** IPv4 routes of the main table. */
  async listRoutes(): Promise<readonly Route[]> {
    return (await this.socket.request([listRoutes(4)])).flatMap(parseRoute);
  }

  /** Makes a bridge with its addresses, up. Nothing is left when it fails. @throws `EEXIST` */
  async addBridge(request: BridgeRequest): Promise<Link> {
    await this.socket.request([addBridge(request.name, request.mac, request.mtu)]);
    try {
      const link = await this.get(request.name);
      const hasIpv6 = request.addresses.some((address) => address.bytes.length === 16);
      await this.socket.request([
        setUpBridge(request.name, request.alias, hasIpv6 || !hostHasIpv6()),
        ...request.addresses.map((address) => addAddress(link.index, address)),
      ]);
      return link;
    } catch (error) {
      await this.remove(request.name);
      throw error;
    }
  }

  /** Makes a pair of links: one end, which is given, a port of a bridge here, up; the other in the namespace of a process. */
  async addVeth(request: VethRequest, alias: string): Promise<Link> {
    const port = setUpBridgePort(request.name, alias, hostHasIpv6());
    const [reply] = await this.socket.request([addVeth(request), port, getLink(request.name)]);
    return parseLink(found(reply, request.name));
  }

  /** Brings up `links`, each with its addresses and routes. */
  async setUp(links: readonly ContainerLink[]): Promise<void> {
    const messages: Message[] = [];
    for (const { index, addresses, gateways } of links) {
      const hasIpv6 = addresses.some((address) => address.bytes.length === 16);
      if (!hasIpv6 && hostHasIpv6()) messages.push(refuseLinkLocal(index));
      messages.push(setUpLink(index));
      messages.push(...addresses.map((address) => addAddress(index, address)));
      messages.push(...gateways.map((gateway) => addDefaultRoute(index, gateway)));
    }
    await this.socket.request(messages);
  }

  /** Takes addresses from a link, and with them the routes to their networks. What is not there counts as taken. */
  async removeAddresses(name: string, addresses: readonly AddressBytes[]): Promise<void> {
    const link = await this.find(name);
    if (link === undefined) return;
    for (const address of addresses) {
      try {
        await this.requestIfThere([removeAddress(link.index, address)]);
      } catch (error) {
        if (findErrno(error) !== 'EADDRNOTAVAIL') throw error;
      }
    }
  }

  /** Removes a link; one that is not there counts as removed. */
  async remove(name: string): Promise<void> {
    await this.requestIfThere([deleteLink(name)]);
  }

  /**
   * Removes links together; those that are not there count as removed. The kernel waits for packets that are
   * on their way, some ten milliseconds, and does so but once for a group.
   */
  async removeAll(names: readonly string[]): Promise<void> {
    const [only, ...others] = names;
    if (only === undefined) return;
    if (others.length === 0) {
      await this.remove(only);
      return;
    }
    const group = randomInt(2 ** 30, 2 ** 31);
    await this.requestIfThere(names.map((name) => setLinkGroup(name, group)));
    await this.requestIfThere([deleteLinkGroup(group)]);
  }

  /**
   * Resolves once frames pass through all these links. Before, the first packets could be lost: a second's stall
   * for whoever connects at once.
   *
   * @throws an error with code `ETIMEDOUT` after `timeoutMs`, `ENODEV` where one is gone
   */
  async waitOperational(names: readonly string[], timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let missing = names; missing.length > 0;) {
      const links = (await this.socket.request(missing.map(getLink))).map(parseLink);
      missing = links.filter((link) => !link.isOperational).map(({ name }) => name);
      if (missing.length === 0) return;
      if (performance.now() > deadline) {
        throw Object.assign(new Error(`link ${missing.join(', ')} did not come up`), {
          code: 'ETIMEDOUT',
        });
      }
      await delay(1);
    }
  }

  /** May be called again. */
  close(): void {
    this.socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private async requestIfThere(messages: readonly Message[]): Promise<void> {
    try {
      await this.socket.request(messages);
    } catch (error) {
      if (findErrno(error) !== 'ENODEV') throw error;
    }
  }

  private async get(name: string): Promise<Link> {
    const [reply] = await this.socket.request([getLink(name)]);
    return parseLink(found(reply, name));
  }
}

/** @throws an error with code `ENODEV` where there is none */
function found(reply: Reply | undefined, name: string): Reply {
  if (reply !== undefined) return reply;
  throw Object.assign(new Error(`link ${name} is gone`), { code: 'ENODEV' });
}

function parseLink(reply: Reply): Link {
  const attributes = decodeAttributes(reply.body.subarray(LINK_HEADER_BYTES));
  const alias = attributes.get(LINK_ATTRIBUTE.alias);
  const peer = attributes.get(LINK_ATTRIBUTE.link);
  const index = readU32(reply.body, 4);
  return {
    index,
    peerIndex: peer === undefined ? index : readU32(peer, 0),
    name: decodeText(attributes.get(LINK_ATTRIBUTE.name) ?? Buffer.alloc(0)),
    alias: alias === undefined ? undefined : decodeText(alias),
    isOperational: attributes.get(LINK_ATTRIBUTE.operState)?.[0] === OPERSTATE_UP,
  };
}

function parseRoute(reply: Reply): readonly Route[] {
  const attributes = decodeAttributes(reply.body.subarray(ROUTE_HEADER_BYTES));
  const table = attributes.get(ROUTE_ATTRIBUTE.table);
  if (table === undefined || readU32(table, 0) !== MAIN_TABLE) return [];
  const outLink = attributes.get(ROUTE_ATTRIBUTE.outLink);
  return [
    {
      destination: {
        bytes: attributes.get(ROUTE_ATTRIBUTE.destination) ?? Buffer.alloc(4),
        prefixLength: reply.body[1] ?? 0,
      },
      linkIndex: outLink === undefined ? undefined : readU32(outLink, 0),
    },
  ];
}

/** Without IPv6 the kernel refuses its settings. */
function hostHasIpv6(): boolean {
  return existsSync('/proc/net/if_inet6');
}

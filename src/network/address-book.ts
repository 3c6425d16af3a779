import { OcupError } from '../base/errors.ts';
import {
  type Address,
  findAddress,
  formatAddress,
  formatSubnet,
  isInSubnet,
  lastValue,
} from './addresses.ts';
import type { AddressPlan } from './network-plan.ts';

/**
 * Who has which address of a network, in one family.
 *
 * INVARIANT: no address has two owners, and neither the gateway, a reserved address, the network's own
 * address nor (IPv4) its broadcast address has any.
 */
export class AddressBook {
  private readonly plan: AddressPlan;
  private readonly owners = new Map<bigint, string>();
  private readonly forbidden: ReadonlySet<bigint>;
  private next: bigint;

  constructor(plan: AddressPlan) {
    this.plan = plan;
    const { subnet, gateway, reserved } = plan;
    const edges = subnet.family === 4 ? [subnet.base, lastValue(subnet)] : [subnet.base];
    this.forbidden = new Set([...edges, gateway.value, ...reserved.map((it) => it.value)]);
    this.next = plan.range.base;
  }

  /**
   * Takes exactly this address.
   *
   * @throws E_NETWORK_ADDRESS when it is not in the subnet, reserved or taken
   */
  take(owner: string, address: Address): Address {
    if (!isInSubnet(address, this.plan.subnet)) {
      throw new OcupError(
        'E_NETWORK_ADDRESS',
        `address ${formatAddress(address)} is not in subnet ${formatSubnet(this.plan.subnet)}`,
      );
    }
    if (!this.isFree(address.value)) {
      throw new OcupError(
        'E_NETWORK_ADDRESS',
        `address ${formatAddress(address)} is already in use`,
      );
    }
    this.owners.set(address.value, owner);
    return address;
  }

  /**
   * Takes the address `previous` if it is free, else the next free one of the range. Addresses are given out
   * in turn, so that one that was released is not reused at once.
   *
   * @throws E_NETWORK_ADDRESS when the range is used up
   */
  allocate(owner: string, previous: string | undefined): Address {
    const wanted = previous === undefined ? undefined : findAddress(previous);
    if (wanted !== undefined && isInSubnet(wanted, this.plan.range) && this.isFree(wanted.value)) {
      return this.take(owner, wanted);
    }
    const free = this.findFree();
    if (free === undefined) {
      throw new OcupError(
        'E_NETWORK_ADDRESS',
        `no available addresses in ${formatSubnet(this.plan.range)}`,
        { hint: 'Remove containers from the network, or give it a larger subnet.' },
      );
    }
    this.next = free + 1n;
    return this.take(owner, { family: this.plan.subnet.family, value: free });
  }

  /** Gives back whatever `owner` has. */
  release(owner: string): void {
    for (const [value, holder] of this.owners) {
      if (holder === owner) this.owners.delete(value);
    }
  }

  private isFree(value: bigint): boolean {
    return !this.owners.has(value) && !this.forbidden.has(value);
  }

  private findFree(): bigint | undefined {
    const first = this.plan.range.base;
    const last = lastValue(this.plan.range);
    const start = this.next > last ? first : this.next;
    return this.findFreeBetween(start, last) ?? this.findFreeBetween(first, start - 1n);
  }

  private findFreeBetween(first: bigint, last: bigint): bigint | undefined {
    for (let value = first; value <= last; value += 1n) {
      if (this.isFree(value)) return value;
    }
    return undefined;
  }
}

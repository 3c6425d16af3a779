import type { Event } from '../model/event.ts';
import { timestamp } from './clock.ts';

/** Drops what the log itself fills in, member by member of the union. */
type Untimed<T> = T extends unknown ? Omit<T, 'time' | 'sequence'> : never;

/** A fact that has not been told yet. */
export type Fact = Untimed<Event>;

/** So many facts are remembered, for those who ask what was. */
const REMEMBERED = 4096;

/** Tells facts to whoever follows, in one order for all, and remembers the last of them. */
export class EventLog {
  private readonly followers = new Set<(event: Event) => void>();
  private sequence = 0;
  private recent: Event[] = [];

  tell(fact: Fact): void {
    this.sequence += 1;
    const event: Event = { ...fact, time: timestamp(), sequence: this.sequence };
    this.recent.push(event);
    // Cut seldom and by half: a fact costs no more the longer the log is.
    if (this.recent.length > 2 * REMEMBERED) this.recent = this.recent.slice(-REMEMBERED);
    for (const follower of this.followers) follower(event);
  }

  /** Those that are remembered, from the time on: RFC 3339 as `timestamp` writes it. */
  since(time: string): readonly Event[] {
    return this.recent.filter((event) => event.time >= time);
  }

  /** Gives a function that ends it. `follower` must not throw. */
  follow(follower: (event: Event) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

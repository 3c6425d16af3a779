import type { Event } from '../model/event.ts';
import { timestamp } from './clock.ts';

/** Drops what the log itself fills in, member by member of the union. */
type Untimed<T> = T extends unknown ? Omit<T, 'time' | 'sequence'> : never;

/** A fact that has not been told yet. */
export type Fact = Untimed<Event>;

/** Tells facts to whoever follows, in one order for all. */
export class EventLog {
  private readonly followers = new Set<(event: Event) => void>();
  private sequence = 0;

  tell(fact: Fact): void {
    this.sequence += 1;
    const event: Event = { ...fact, time: timestamp(), sequence: this.sequence };
    for (const follower of this.followers) follower(event);
  }

  /** Gives a function that ends it. `follower` must not throw. */
  follow(follower: (event: Event) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

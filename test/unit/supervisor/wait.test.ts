import { describe, expect, test } from '@jest/globals';
import type { Container, ContainerState, Health } from '../../../src/model/container.ts';
import { waitFor } from '../../../src/supervisor/wait.ts';
import type { WaitCondition } from '../../../src/wire/protocol.ts';

/** A container whose state is set by the test. */
class Awaited {
  state: ContainerState;
  health: Health;
  removed = false;
  readonly listeners = new Set<() => void>();

  constructor(state: ContainerState, health: Health = 'none') {
    this.state = state;
    this.health = health;
  }

  set(changes: { state?: ContainerState; health?: Health; removed?: boolean }): void {
    Object.assign(this, changes);
    for (const listener of [...this.listeners]) listener();
  }

  wait(condition: WaitCondition, signal = new AbortController().signal) {
    return waitFor(
      {
        view: () =>
          ({ state: this.state, health: this.health, config: { name: 'x' } }) as Container,
        isRemoved: () => this.removed,
        onChange: (listener) => {
          this.listeners.add(listener);
          return () => this.listeners.delete(listener);
        },
      },
      condition,
      signal,
    );
  }
}

describe('waitFor', () => {
  test.each([
    ['running', 'running', 'none', true],
    ['paused', 'running', 'none', true],
    ['exited', 'running', 'none', false],
    ['exited', 'exited', 'none', true],
    ['running', 'healthy', 'healthy', true],
    ['running', 'healthy', 'unhealthy', false],
    ['exited', 'healthy', 'none', false],
  ] as const)('a container that is %s answers a wait for %s at once', async (...row) => {
    const [state, condition, health, isMet] = row;
    const container = new Awaited(state, health);
    expect((await container.wait(condition)).isMet).toBe(isMet);
    expect(container.listeners.size).toBe(0);
  });

  test('one that was never started is waited for', async () => {
    const container = new Awaited('created');
    const wait = container.wait('exited');
    container.set({ state: 'running' });
    container.set({ state: 'exited' });
    expect((await wait).isMet).toBe(true);
  });

  test('one that is restarted has not ended', async () => {
    const container = new Awaited('running');
    const wait = container.wait('exited');
    let hasEnded = false;
    void wait.then(() => {
      hasEnded = true;
    });
    container.set({ state: 'restarting' });
    await Promise.resolve();
    expect(hasEnded).toBe(false);
    container.set({ state: 'exited' });
    expect((await wait).isMet).toBe(true);
  });

  test('the removal ends every wait', async () => {
    const container = new Awaited('running', 'starting');
    const waits = (['healthy', 'exited', 'removed'] as const).map((condition) =>
      container.wait(condition),
    );
    container.set({ removed: true });
    expect((await Promise.all(waits)).map(({ isMet }) => isMet)).toEqual([false, false, true]);
  });

  test('a wait for health where there is no probe is refused', async () => {
    await expect(new Awaited('running').wait('healthy')).rejects.toMatchObject({
      code: 'E_CONTAINER_UNHEALTHY',
    });
  });

  test('a caller that hangs up leaves nothing behind', async () => {
    const container = new Awaited('running');
    const controller = new AbortController();
    const wait = container.wait('exited', controller.signal);
    controller.abort();
    await expect(wait).rejects.toMatchObject({ code: 'E_CANCELLED' });
    expect(container.listeners.size).toBe(0);
  });
});

import { resolveArgs } from '../bundle/process-args.ts';
import type { Container } from '../model/container.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { type Life, stateOf } from './life.ts';
import type { ContainerRecord } from './record.ts';

type Probed = Pick<HealthMonitor, 'hasCheck' | 'probes' | 'firstProbe' | 'firstSuccess'>;

/** Keeps what callers see of one container until something changes: lists of many are asked for again and again. */
export class LastView {
  private view: Container | undefined;
  private madeOf: readonly unknown[] = [];

  of(record: ContainerRecord, life: Life, health: Probed): Container {
    const parts = [record, life, health.probes];
    if (this.view === undefined || parts.some((part, index) => part !== this.madeOf[index])) {
      // Frozen, so that its JSON is made once.
      this.view = Object.freeze(toContainer(record, life, health));
      this.madeOf = parts;
    }
    return this.view;
  }
}

/** All that is known about a container, as callers see it. */
function toContainer(record: ContainerRecord, life: Life, health: Probed): Container {
  const { config, image } = record;
  const isRunning = life.phase.status === 'running';
  return {
    id: record.id,
    config,
    imageId: record.imageId,
    state: stateOf(life),
    health: isRunning && health.hasCheck ? (life.health?.status ?? 'starting') : 'none',
    probes: health.probes,
    firstProbe: health.firstProbe,
    firstSuccess: health.firstSuccess,
    pid: life.phase.status === 'running' ? life.phase.pid : undefined,
    createdAt: record.createdAt,
    startedAt: life.startedAt,
    exit: life.exit,
    restartCount: life.restartCount,
    endpoints: isRunning ? life.endpoints : [],
    ports: isRunning ? life.ports : [],
    mounts: record.mounts,
    args: resolveArgs(config, image),
    exposedPorts: exposedPortsOf(record),
  };
}

function exposedPortsOf({ config, image }: ContainerRecord): readonly string[] {
  const published = config.ports.map(
    ({ containerPort, protocol }) => `${containerPort}/${protocol}`,
  );
  const all = new Set([...image.exposedPorts, ...config.expose, ...published].map(withProtocol));
  return [...all].sort((a, b) => Number.parseInt(a) - Number.parseInt(b) || (a < b ? -1 : 1));
}

function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`;
}

// Carries out plans on plain values: what a supervisor would hold afterwards.
import type { Container } from '../../src/model/container.ts';
import type { Plan, PlannedAction } from '../../src/plan/action.ts';
import { imageKey, type ObservedState } from '../../src/plan/observed.ts';
import { toPreStartConfig } from '../../src/plan/pre-start.ts';
import { container, hashOf } from './project-values.ts';

/** Image key → image id of what a registry has. */
export type Registry = ReadonlyMap<string, string>;

/**
 * The state after `plan`, carried out in its order. Throws where a step could not be done: a name that is
 * taken, a network that is missing or in use, two containers of one name alive.
 */
export function carryOut(plan: Plan, before: ObservedState, registry: Registry): ObservedState {
  return plan.actions.reduce((state, action) => apply(action, state, registry), before);
}

function apply(action: PlannedAction, state: ObservedState, registry: Registry): ObservedState {
  if (isContainerAction(action)) {
    return { ...state, containers: applyToContainers(action, state) };
  }
  switch (action.kind) {
    case 'image.pull': {
      const key = imageKey(action.image, action.platform);
      const id = registry.get(key);
      if (id === undefined) throw new Error(`registry has no ${key}`);
      const images = new Map(state.images).set(key, { status: 'present', id, taggedAtMs: 0 });
      return { ...state, images };
    }
    case 'image.remove':
      return state;
    case 'network.create': {
      const { config } = action;
      if (state.networks.some((item) => item.config.name === config.name)) {
        throw new Error(`network ${config.name} exists`);
      }
      const network = {
        id: hashOf(config.name),
        config,
        bridge: 'oc0',
        subnet: '172.18.0.0/16',
        gateway: '172.18.0.1',
        createdAt: '',
      };
      return { ...state, networks: [...state.networks, network] };
    }
    case 'network.remove': {
      const user = state.containers.find(
        (item) =>
          item.state === 'running' &&
          item.config.networkMode.kind === 'networks' &&
          item.config.networkMode.endpoints.some((end) => end.network === action.name),
      );
      if (user !== undefined) throw new Error(`network ${action.name} is in use`);
      return {
        ...state,
        networks: state.networks.filter((item) => item.config.name !== action.name),
      };
    }
    case 'volume.create': {
      const volume = { config: action.config, path: '/v', isAnonymous: false, createdAt: '' };
      return { ...state, volumes: [...state.volumes, volume] };
    }
    case 'volume.remove':
      return {
        ...state,
        volumes: state.volumes.filter((item) => item.config.name !== action.name),
      };
  }
}

type ContainerAction = Extract<PlannedAction, { kind: `container.${string}` }>;

function isContainerAction(action: PlannedAction): action is ContainerAction {
  return action.kind.startsWith('container.');
}

function applyToContainers(action: ContainerAction, state: ObservedState): Container[] {
  const all = [...state.containers];
  const find = (key: string): Container => {
    const found = all.find((item) => item.id === key || item.config.name === key);
    if (found === undefined) throw new Error(`${action.id}: no container ${key}`);
    return found;
  };
  const change = (key: string, changes: Partial<Container>): Container[] => {
    const old = find(key);
    return all.map((item) => (item === old ? { ...item, ...changes } : item));
  };
  const rename = (from: string, to: string, list: Container[]): Container[] => {
    if (list.some((item) => item.config.name === to)) throw new Error(`name ${to} is taken`);
    return list.map((item) =>
      item.config.name === from ? { ...item, config: { ...item.config, name: to } } : item,
    );
  };
  switch (action.kind) {
    case 'container.create': {
      const { config } = action;
      if (all.some((item) => item.config.name === config.name)) {
        throw new Error(`name ${config.name} is taken`);
      }
      const fact = state.images.get(imageKey(config.image, config.platform));
      if (fact?.status !== 'present') throw new Error(`image ${config.image} is not here`);
      for (const name of networkNames(config)) {
        if (!state.networks.some((item) => item.config.name === name)) {
          throw new Error(`network ${name} is not here`);
        }
      }
      const id = hashOf(`${config.name} ${JSON.stringify(all.map((item) => item.id))}`);
      return [...all, container({ id, config, imageId: fact.id, state: 'created' })];
    }
    case 'container.replace': {
      const old = find(action.oldContainer);
      const left = all.filter((item) => item !== old);
      return rename(action.temporaryName, action.name, left);
    }
    case 'container.rename':
      return rename(action.name, action.newName, all);
    case 'container.prepare': {
      const owner = find(action.container);
      if (owner.state !== 'created') throw new Error(`${action.id}: it has been started before`);
      for (const index of action.hooks) {
        const config = toPreStartConfig(owner, index);
        if (config === undefined) throw new Error(`${action.id}: no hook ${index}`);
        const fact = state.images.get(imageKey(config.image, config.platform));
        if (fact?.status !== 'present') throw new Error(`image ${config.image} is not here`);
      }
      return all;
    }
    case 'container.start': {
      for (const name of networkNames(find(action.container).config)) {
        if (!state.networks.some((item) => item.config.name === name)) {
          throw new Error(`network ${name} is not here`);
        }
      }
      return change(action.container, { state: 'running' });
    }
    case 'container.unpause':
      return change(action.container, { state: 'running' });
    case 'container.pause':
      return change(action.container, { state: 'paused' });
    case 'container.stop':
    case 'container.kill':
      return change(action.container, { state: 'exited' });
    case 'container.remove': {
      const old = find(action.container);
      return all.filter((item) => item !== old);
    }
    case 'container.keep':
      find(action.container);
      return all;
  }
}

function networkNames(config: Container['config']): string[] {
  const mode = config.networkMode;
  return mode.kind === 'networks' ? mode.endpoints.map((item) => item.network) : [];
}

import type { ContainerConfig, Hook } from '../model/container.ts';
import type { NetworkConfig, VolumeConfig } from '../model/network.ts';
import type { DependencyCondition } from '../model/project.ts';

/** Names an action inside its plan: kind and object, `container.start app-web-1`. */
export type ActionId = string;

/** An action that must be done before, and what must hold of its container then. */
export interface Edge {
  readonly action: ActionId;
  readonly condition: EdgeCondition | undefined;
}

export interface EdgeCondition {
  readonly kind: DependencyCondition;
  readonly service: string;
  /** The container that must fulfil it. */
  readonly container: string;
  /** False: the action is done, with a warning, even if the condition fails. */
  readonly isRequired: boolean;
}

/**
 * One step. Containers are named by `container`: an id where the container exists, else the name it will
 * have by then.
 *
 * A container is replaced in three steps, so that what it is made from is checked while the old one runs,
 * and both are never alive together:
 *
 *     container.create    the new one, under a temporary name
 *     container.replace   stop the old one, remove it, give its name to the new one
 *     container.start     the new one
 */
export type Step =
  | {
      readonly kind: 'image.pull';
      readonly image: string;
      readonly platform: string | undefined;
      readonly policy: 'always' | 'missing' | 'never';
    }
  | { readonly kind: 'image.remove'; readonly image: string }
  | { readonly kind: 'network.create'; readonly config: NetworkConfig }
  | { readonly kind: 'network.remove'; readonly name: string }
  | { readonly kind: 'volume.create'; readonly config: VolumeConfig }
  | { readonly kind: 'volume.remove'; readonly name: string }
  | {
      readonly kind: 'container.create';
      readonly service: string;
      readonly config: ContainerConfig;
      /** The name it will have in the end. */
      readonly finalName: string;
      readonly inheritVolumesOf: string | undefined;
    }
  | {
      readonly kind: 'container.replace';
      readonly service: string;
      readonly name: string;
      readonly oldContainer: string;
      /** What the new one is called until the old one is gone. */
      readonly temporaryName: string;
      readonly timeoutMs: number | undefined;
      /** Run in the old one before it is stopped. */
      readonly preStop?: readonly Hook[];
      readonly removeVolumes: boolean;
    }
  | ContainerStep<'container.rename', { readonly newName: string }>
  /** Run `pre_start` hooks, by index, each to its end in a container of its own. */
  | ContainerStep<'container.prepare', { readonly hooks: readonly number[] }>
  | ContainerStep<'container.start'>
  | ContainerStep<'container.unpause'>
  | ContainerStep<'container.pause'>
  | ContainerStep<
      'container.stop',
      { readonly timeoutMs: number | undefined; readonly preStop?: readonly Hook[] }
    >
  | ContainerStep<'container.kill', { readonly signal: string }>
  | ContainerStep<'container.remove', { readonly force: boolean; readonly volumes: boolean }>
  /** Nothing to do: it is as the project wants it; `hasEnded`: it has done its work. */
  | ContainerStep<'container.keep', { readonly hasEnded?: boolean }>;

type ContainerStep<Kind extends string, Extra = unknown> = {
  readonly kind: Kind;
  readonly container: string;
  readonly name: string;
  readonly service: string;
} & Extra;

export type StepKind = Step['kind'];

export type PlannedAction = Step & {
  readonly id: ActionId;
  /** Why, in a few words: `not running`, `config hash diverged: environment.FOO`. */
  readonly cause: string;
  readonly dependsOn: readonly Edge[];
};

/** What is to be done, in an order that respects every edge. */
export interface Plan {
  readonly project: string;
  readonly actions: readonly PlannedAction[];
  /** What the user should know though nothing is done about it. */
  readonly warnings: readonly string[];
}

/** Whether carrying out `plan` changes anything. */
export function hasChanges(plan: Plan): boolean {
  return plan.actions.some((action) => action.kind !== 'container.keep');
}

/** An edge that only orders. */
export function after(action: ActionId): Edge {
  return { action, condition: undefined };
}

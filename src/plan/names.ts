import type { Container } from '../model/container.ts';
import { LABEL } from '../model/labels.ts';
import type { Service } from '../model/project.ts';

/** The name of a service's container with that number. @see compose-spec 05-services.md#container_name */
export function containerName(project: string, service: Service, number: number): string {
  return service.containerName ?? `${project}-${service.name}-${number}`;
}

/** The name that a container bears until the one it replaces is gone. */
export function temporaryName(replacedId: string, finalName: string): string {
  return `${replacedId.slice(0, 12)}_${finalName}`;
}

/** Whether a replacement was broken off after this container was made. */
export function isHalfReplaced(container: Container): boolean {
  const final = container.config.labels[LABEL.replace];
  return final !== undefined && /^[0-9a-f]{12}_/.test(container.config.name);
}

/** A service's name as its label says, empty for a container that nobody's service made. */
export function serviceOf(container: Container): string {
  return container.config.labels[LABEL.service] ?? '';
}

/** The replica's number, 0 for a container without one. */
export function numberOf(container: Container): number {
  const number = Number(container.config.labels[LABEL.containerNumber] ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

/** Whether it is none of its service's own containers: `ocup run` made it, or it was made for a hook. */
export function isOneOff(container: Container): boolean {
  return container.config.labels[LABEL.oneOff]?.toLowerCase() === 'true';
}

/** Whether it was made for a hook of a service. */
export function isOfHook(container: Container): boolean {
  return container.config.labels[LABEL.hook] !== undefined;
}

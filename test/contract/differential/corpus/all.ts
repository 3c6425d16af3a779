import type { Case } from '../case.ts';
import { CGROUP_CASES } from './cgroups.ts';
import { DEVICE_CASES } from './devices.ts';
import { DOCUMENT_CASES } from './documents.ts';
import { FILESYSTEM_CASES } from './filesystem.ts';
import { HOOK_CASES } from './hooks.ts';
import { LIFECYCLE_CASES } from './lifecycle.ts';
import { NAMESPACE_CASES } from './namespaces.ts';
import { PROCESS_CASES } from './process.ts';
import { SECCOMP_CASES } from './seccomp.ts';

/** Every case, in the order in which it runs. */
export const CORPUS: readonly Case[] = [
  ...PROCESS_CASES,
  ...NAMESPACE_CASES,
  ...FILESYSTEM_CASES,
  ...DEVICE_CASES,
  ...CGROUP_CASES,
  ...SECCOMP_CASES,
  ...HOOK_CASES,
  ...LIFECYCLE_CASES,
  ...DOCUMENT_CASES,
];

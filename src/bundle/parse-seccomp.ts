import { messageOf, OcupError } from '../base/errors.ts';
import type { SeccompArgument } from '../model/runtime-spec.ts';
import type {
  ArchitectureFamily,
  ProfileArchitectures,
  RuleCondition,
  SeccompProfile,
  SeccompRule,
} from './seccomp-profile.ts';

/**
 * Reads a seccomp profile: Docker's form, of which that of the runtime spec is a part. A profile without a
 * default action and without rules confines nothing and is undefined, as in Docker.
 *
 * @param name of the file, for messages
 * @throws E_BUNDLE_INVALID for what is no JSON or no profile, with the place
 */
export function parseSeccompProfile(text: string, name: string): SeccompProfile | undefined {
  const root = reader(parseJsonText(text, name), name, '');
  const rules = root.list('syscalls').map(readRule);
  const defaultAction = root.text('defaultAction');
  if (defaultAction === undefined && rules.length === 0) return undefined;
  if (defaultAction === undefined) throw root.error('defaultAction', 'is missing');
  return {
    defaultAction: checkAction(root, 'defaultAction', defaultAction),
    defaultErrnoRet: root.number('defaultErrnoRet'),
    architectures: readArchitectures(root),
    flags: root.texts('flags'),
    listenerPath: root.text('listenerPath'),
    listenerMetadata: root.text('listenerMetadata'),
    rules,
  };
}

const ACTIONS: ReadonlySet<string> = new Set(
  'KILL KILL_PROCESS KILL_THREAD TRAP ERRNO TRACE ALLOW LOG NOTIFY'
    .split(' ')
    .map((action) => `SCMP_ACT_${action}`),
);

const OPERATORS: ReadonlySet<string> = new Set(
  'NE LT LE EQ GE GT MASKED_EQ'.split(' ').map((operator) => `SCMP_CMP_${operator}`),
);

function readArchitectures(root: Reader): ProfileArchitectures {
  const names = root.texts('architectures');
  const families = root.list('archMap').map(readFamily);
  if (names.length > 0 && families.length > 0) {
    throw root.error('archMap', 'cannot stand beside architectures');
  }
  return families.length > 0 ? { kind: 'map', families } : { kind: 'list', names };
}

function readFamily(entry: Reader): ArchitectureFamily {
  return {
    architecture: entry.required('architecture'),
    subArchitectures: entry.texts('subArchitectures'),
  };
}

function readRule(rule: Reader): SeccompRule {
  const single = rule.text('name') ?? '';
  const names = rule.texts('names');
  if (single !== '' && names.length > 0) throw rule.error('name', 'cannot stand beside names');
  if (single === '' && names.length === 0) throw rule.error('names', 'is missing');
  return {
    names: single === '' ? names : [single],
    action: checkAction(rule, 'action', rule.required('action')),
    errnoRet: rule.number('errnoRet'),
    args: rule.list('args').map(readArgument),
    includes: readCondition(rule.member('includes')),
    excludes: readCondition(rule.member('excludes')),
  };
}

function readArgument(argument: Reader): SeccompArgument {
  const op = argument.required('op');
  const index = argument.number('index') ?? 0;
  if (!OPERATORS.has(op)) throw argument.error('op', `is ${JSON.stringify(op)}, no operator`);
  if (index > 5) throw argument.error('index', 'is above 5');
  return {
    index,
    op,
    value: argument.number('value') ?? 0,
    valueTwo: argument.number('valueTwo'),
  };
}

function readCondition(condition: Reader): RuleCondition {
  const minKernel = condition.text('minKernel');
  if (minKernel !== undefined && !/^\d+\.\d+$/.test(minKernel)) {
    throw condition.error('minKernel', 'is not of the form 4.8');
  }
  return { arches: condition.texts('arches'), caps: condition.texts('caps'), minKernel };
}

function checkAction(reader: Reader, key: string, action: string): string {
  if (ACTIONS.has(action)) return action;
  throw reader.error(key, `is ${JSON.stringify(action)}, no action`);
}

/** The members of an object that came from outside, each checked as it is read; `null` is not there. */
interface Reader {
  text(key: string): string | undefined;
  required(key: string): string;
  /** A whole number from 0. */
  number(key: string): number | undefined;
  texts(key: string): readonly string[];
  list(key: string): readonly Reader[];
  member(key: string): Reader;
  error(key: string, problem: string): OcupError;
}

function reader(value: unknown, name: string, path: string): Reader {
  const place = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const error = (key: string, problem: string): OcupError =>
    new OcupError('E_BUNDLE_INVALID', `cannot read seccomp profile ${name}: ${key} ${problem}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw error(path === '' ? 'the file' : path, 'is not an object');
  }
  const get = (key: string): unknown =>
    (Object.entries(value).find(([own]) => own === key) ?? [])[1];
  const items = (key: string): readonly unknown[] => {
    const list: unknown = get(key) ?? [];
    if (!Array.isArray(list)) throw error(place(key), 'is not a list');
    return list;
  };
  const self: Reader = {
    text(key) {
      const item = get(key) ?? undefined;
      if (item === undefined || typeof item === 'string') return item;
      throw error(place(key), 'is not a string');
    },
    required(key) {
      const item = self.text(key);
      if (item === undefined) throw error(place(key), 'is missing');
      return item;
    },
    number(key) {
      const item = get(key) ?? undefined;
      if (item === undefined) return undefined;
      if (typeof item === 'number' && Number.isSafeInteger(item) && item >= 0) return item;
      throw error(place(key), 'is not a whole number from 0 to 2^53');
    },
    texts: (key) =>
      items(key).map((item, index) => {
        if (typeof item === 'string') return item;
        throw error(`${place(key)}[${index}]`, 'is not a string');
      }),
    list: (key) => items(key).map((item, index) => reader(item, name, `${place(key)}[${index}]`)),
    member: (key) => reader(get(key) ?? {}, name, place(key)),
    error: (key, problem) => error(place(key), problem),
  };
  return self;
}

function parseJsonText(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OcupError(
      'E_BUNDLE_INVALID',
      `cannot read seccomp profile ${name}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

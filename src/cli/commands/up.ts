import { OcupError } from '../../base/errors.ts';
import type { Project } from '../../model/project.ts';
import { getService, selectServices } from '../../plan/selection.ts';
import type { UpOptions } from '../../plan/up-options.ts';
import { type Call, type CommandDefinition, hiddenOption, option } from '../command.ts';
import { awaitReady } from '../execute/await-ready.ts';
import { executeActions } from '../execute/executor.ts';
import { observe } from '../execute/observe.ts';
import { timeNow, TimelineRecorder } from '../execute/timeline-recorder.ts';
import { prepareUp, printDryPlan, upDefaults, type UpPreparation } from '../execute/prepare-up.ts';
import type { RawOptions } from '../raw-options.ts';
import type { Session } from '../session.ts';
import { CREATE_OPTIONS, parseCreateOptions } from './create-options.ts';
import { type AttachOptions, isStart, runAttached } from './up-attached.ts';

export const upCommand: CommandDefinition = {
  name: 'up',
  usage: '[SERVICE...]',
  summary: 'Create and start containers',
  options: [
    option('-d, --detach', 'return when everything runs'),
    ...CREATE_OPTIONS,
    option('--no-deps', 'leave alone what the services depend on'),
    option('--always-recreate-deps', 'replace the containers of dependencies, too'),
    option('-V, --renew-anon-volumes', 'begin with empty anonymous volumes'),
    option('-t, --timeout <seconds>', 'grace for containers that are stopped'),
    option('--wait', 'return when services are running or healthy; implies --detach'),
    option('--wait-timeout <seconds>', 'how long to wait for that'),
    option('--no-start', 'create containers, start none'),
    option('--abort-on-container-exit', 'stop all when a container ends'),
    option('--abort-on-container-failure', 'stop all when a container fails'),
    option('--exit-code-from <service>', 'end with the exit code of this service'),
    option('--attach <service>...', 'show the output of this service only'),
    option('--no-attach <service>...', 'do not show the output of this service'),
    option('--attach-dependencies', 'show the output of dependencies, too'),
    option('--no-log-prefix', 'print lines as they are'),
    option('--no-color', 'print without colours'),
    option('--timestamps', 'print when each line was written'),
    option('-w, --watch', 'act on changes of files as develop.watch says'),
    option('--menu', 'on a terminal, offer keys: w watches files, d detaches'),
    hiddenOption('--no-menu', 'offer none, whatever COMPOSE_MENU says'),
  ],
  examples: [
    ['ocup up', 'start the project, show its output, stop it with Ctrl-C'],
    ['ocup up -d --wait', 'start it in the background, return when it is healthy'],
    ['ocup up -d --scale web=3 web', 'run three containers of one service'],
  ],
  run: runUp,
};

async function runUp(session: Session, call: Call): Promise<number> {
  const { options: raw, args } = call;
  refuseCombinations(raw);
  const timeline = new TimelineRecorder();
  session.expectSupervisor();
  const startMs = timeNow();
  const project = await session.loadProject({ services: args });
  timeline.addWhole('load', startMs, []);
  if (project.services.length === 0) throw nothingSelected(project);
  const options = parseUpOptions(session, call, project);
  if (session.globals.dryRun) {
    await printDryPlan(session, project, options);
    return 0;
  }
  const attach = parseAttach(raw, project, options);
  const isWatching = raw.flag('watch');
  const findWatch = () => watchOf(session, project, attach.services);
  // What is wrong with the rules is told before anything starts, where they are asked for.
  const watch = isWatching ? await findWatch() : undefined;
  const following = {
    watch: watch ?? (async (signal: AbortSignal) => (await findWatch())(signal)),
    isWatching,
    hasMenu: hasMenu(raw, session.context.environment),
  };
  const connectMs = timeNow();
  const client = await session.supervisor();
  timeline.addWhole('connect', connectMs, ['load']);
  const view = session.openView('up');
  const known: UpPreparation = { client, view, project, options, timeline };
  try {
    const plan = await prepareUp(session, known);
    for (const warning of plan.warnings) view.warn(warning);
    const isAttached = !raw.flag('detach') && !raw.flag('wait') && options.start;
    const actions = isAttached ? plan.actions.filter((item) => !isStart(item)) : plan.actions;
    const { signal } = session;
    const { parallel } = session.globals;
    const act = () =>
      executeActions(actions, { client, view, signal, parallel, showsCauses: true, timeline });
    if (isAttached) {
      await act();
      view.end();
      const all = { ...attach, ...following, project, client, timeline };
      return await runAttached(session, plan, all);
    }
    try {
      await act();
      if (raw.flag('wait')) await waitForReady(session, raw, known);
    } finally {
      await timeline.keep(client, plan);
    }
  } finally {
    view.end();
  }
  return 0;
}

function refuseCombinations(raw: RawOptions): void {
  if (raw.flag('watch') && (raw.flag('detach') || raw.flag('wait') || raw.flag('no-start'))) {
    throw new OcupError(
      'E_USAGE',
      '--watch needs the command to stay: no --detach, --wait, --no-start',
    );
  }
  if (raw.flag('detach') && raw.text('exit-code-from') !== undefined) {
    throw new OcupError('E_USAGE', '--detach and --exit-code-from cannot be combined');
  }
  if (raw.flag('force-recreate') && raw.flag('no-recreate')) {
    throw new OcupError('E_USAGE', '--force-recreate and --no-recreate cannot be combined');
  }
}

function nothingSelected({ disabledServices }: Project): OcupError {
  const names = disabledServices.join(', ');
  const hint = names === '' ? 'the project has none' : `enable a profile of ${names}, or name one`;
  return new OcupError('E_USAGE', 'no service selected', { hint });
}

function parseUpOptions(
  session: Session,
  { options: raw, args }: Call,
  project: Project,
): UpOptions {
  for (const name of args) getService(project, name);
  return {
    ...upDefaults(session),
    ...parseCreateOptions(raw, session.context.environment, project),
    services: args,
    withDependencies: !raw.flag('no-deps'),
    recreateDependencies: raw.flag('always-recreate-deps') ? 'force' : 'diverged',
    renewVolumes: raw.flag('renew-anon-volumes'),
    timeoutMs: raw.durationMs('timeout'),
    start: !raw.flag('no-start'),
  };
}

function parseAttach(
  raw: RawOptions,
  project: Project,
  options: UpOptions,
): Omit<AttachOptions, 'project' | 'client' | 'timeline' | 'watch' | 'isWatching' | 'hasMenu'> {
  const exitCodeFrom = raw.text('exit-code-from');
  const only = raw.list('attach');
  const without = raw.list('no-attach');
  for (const name of [...only, ...without]) getService(project, name);
  if (exitCodeFrom !== undefined) getService(project, exitCodeFrom);
  const all = selectServices(project, options.services, options.withDependencies);
  const isNamed = (name: string): boolean =>
    options.services.length === 0 ||
    options.services.includes(name) ||
    raw.flag('attach-dependencies');
  const watched = all.filter((service) => isNamed(service.name) || service.name === exitCodeFrom);
  const shown = watched.filter((service) =>
    only.length > 0
      ? only.includes(service.name)
      : service.attach && !without.includes(service.name),
  );
  const onExit = raw.flag('abort-on-container-exit') || exitCodeFrom !== undefined;
  const onFailure = raw.flag('abort-on-container-failure');
  return {
    services: new Set(all.map((service) => service.name)),
    watched: new Set(watched.map((service) => service.name)),
    shown: new Set(shown.map((service) => service.name)),
    abortOn: onFailure ? 'failure' : onExit ? 'exit' : 'never',
    exitCodeFrom,
    timeoutMs: options.timeoutMs,
    hasPrefix: !raw.flag('no-log-prefix'),
    hasColor: !raw.flag('no-color'),
    hasTimestamps: raw.flag('timestamps'),
  };
}

function hasMenu(raw: RawOptions, environment: Readonly<Record<string, string>>): boolean {
  if (raw.flag('menu') || raw.flag('no-menu')) return raw.flag('menu');
  return ['1', 'true'].includes((environment['COMPOSE_MENU'] ?? '').toLowerCase());
}

/** What acts on changes of the services' files until its signal aborts. @throws as `getWatchRules` */
async function watchOf(
  session: Session,
  project: Project,
  services: ReadonlySet<string>,
): Promise<AttachOptions['watch']> {
  // Loaded only by commands that watch files.
  const { getWatchRules, watchFiles } = await import('../watch/watch-session.ts');
  const rules = getWatchRules(project.services.filter(({ name }) => services.has(name)));
  const options = { project: project.name, isQuiet: false };
  return (signal) => watchFiles(session, rules, { ...options, signal });
}

async function waitForReady(
  session: Session,
  raw: RawOptions,
  { client, view, project, options, timeline }: UpPreparation,
): Promise<void> {
  const { signal } = session;
  const { containers } = await observe(client, project.name, { signal });
  const all = selectServices(project, options.services, options.withDependencies);
  const services = new Set(all.map((service) => service.name));
  const timeoutMs = raw.durationMs('wait-timeout');
  await awaitReady(containers, { client, view, project, services, timeoutMs, signal, timeline });
}

import type { CommandDefinition } from './command.ts';
import { doctorCommand, missingCommands, versionCommand } from './commands/about.ts';
import { attachCommand } from './commands/attach.ts';
import { buildCommand } from './commands/build.ts';
import { bundleCommand } from './commands/bundle.ts';
import { checkCommand } from './commands/check.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { createCommand, scaleCommand } from './commands/create.ts';
import { cpCommand } from './commands/cp.ts';
import { downCommand } from './commands/down.ts';
import { envCommand } from './commands/env.ts';
import { eventsCommand } from './commands/events.ts';
import { exportCommand, importCommand } from './commands/export.ts';
import { execCommand } from './commands/exec.ts';
import { graphCommand } from './commands/graph.ts';
import { imageInspectCommand, imagePullCommand, imageRmCommand } from './commands/image.ts';
import { imageLoadCommand, imageSaveCommand, imageTagCommand } from './commands/image-files.ts';
import { imagePushCommand, pushCommand } from './commands/image-push.ts';
import { imageVerifyCommand } from './commands/image-verify.ts';
import {
  killCommand,
  pauseCommand,
  restartCommand,
  rmCommand,
  startCommand,
  stopCommand,
  unpauseCommand,
} from './commands/lifecycle.ts';
import { imagesCommand, lsCommand, networkLsCommand, volumesCommand } from './commands/listings.ts';
import { lockCommand } from './commands/lock.ts';
import { outdatedCommand } from './commands/outdated.ts';
import { loginCommand, logoutCommand } from './commands/login.ts';
import { logsCommand } from './commands/logs.ts';
import { portCommand, topCommand, waitCommand } from './commands/observing.ts';
import { planCommand } from './commands/plan.ts';
import { psCommand } from './commands/ps.ts';
import { pullCommand } from './commands/pull.ts';
import { runCommand } from './commands/run.ts';
import { statsCommand } from './commands/stats.ts';
import { imageLsCommand } from './commands/image-ls.ts';
import { imagePruneCommand, systemPruneCommand } from './commands/prune.ts';
import { systemDfCommand } from './commands/system-df.ts';
import { timelineCommand } from './commands/timeline.ts';
import { upCommand } from './commands/up.ts';
import { watchCommand } from './commands/watch.ts';
import { whyCommand } from './commands/why.ts';

/** All commands, in the order in which help shows them. */
export const COMMANDS: readonly CommandDefinition[] = [
  upCommand,
  downCommand,
  psCommand,
  logsCommand,
  execCommand,
  runCommand,
  planCommand,
  whyCommand,
  timelineCommand,
  configCommand,
  checkCommand,
  envCommand,
  graphCommand,
  pullCommand,
  pushCommand,
  createCommand,
  startCommand,
  stopCommand,
  restartCommand,
  killCommand,
  rmCommand,
  pauseCommand,
  unpauseCommand,
  scaleCommand,
  waitCommand,
  watchCommand,
  attachCommand,
  buildCommand,
  cpCommand,
  topCommand,
  statsCommand,
  portCommand,
  eventsCommand,
  lsCommand,
  imagesCommand,
  volumesCommand,
  lockCommand,
  outdatedCommand,
  bundleCommand,
  exportCommand,
  importCommand,
  imagePullCommand,
  imageLsCommand,
  imageInspectCommand,
  imageRmCommand,
  imagePruneCommand,
  imageTagCommand,
  imageLoadCommand,
  imageSaveCommand,
  imagePushCommand,
  imageVerifyCommand,
  networkLsCommand,
  systemDfCommand,
  systemPruneCommand,
  loginCommand,
  logoutCommand,
  doctorCommand,
  completionCommand,
  versionCommand,
  completeCommand(() => COMMANDS),
  ...missingCommands,
];

import type { LoadOptions } from '../compose/load-options.ts';
import { loadProject as loadComposeProject } from '../compose/load-project.ts';
import { formatDiagnostic } from '../compose/problems.ts';
import type { Project } from '../model/project.ts';
import type { CommandContext } from './context.ts';
import type { GlobalOptions } from './globals.ts';
import type { LoadChanges } from './session.ts';
import { sourceLines } from './source-lines.ts';

/** Loads the project of a command's context. @throws E_COMPOSE_… with everything that is wrong with it */
export function loadProject(
  context: CommandContext,
  globals: GlobalOptions,
  changes: LoadChanges,
): Promise<Project> {
  return loadComposeProject(loadOptions(context, globals, changes));
}

/** What the loader must know of where a command was started. */
export function loadOptions(
  context: CommandContext,
  globals: GlobalOptions,
  changes: LoadChanges,
): LoadOptions {
  return {
    workingDir: context.workingDir,
    environment: context.environment,
    userIds: { uid: context.uid, gid: context.gid },
    files: globals.files,
    projectName: globals.projectName,
    projectDirectory: globals.projectDirectory,
    envFiles: globals.envFiles,
    profiles: changes.allProfiles === true ? ['*'] : globals.profiles,
    services: changes.services ?? [],
    stdin: () => readText(context),
  };
}

/** Warnings about files as people read them, on a terminal with the line that is meant. */
export function warningsOf(
  { diagnostics }: Pick<Project, 'diagnostics'>,
  context: CommandContext,
): string[] {
  const linesOf = sourceLines(context);
  return diagnostics.map((item) => formatDiagnostic(item, context.workingDir, linesOf));
}

async function readText(context: CommandContext): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of context.stdin.stream) chunks.push(Buffer.from(parseChunk(chunk)));
  return Buffer.concat(chunks).toString('utf8');
}

/** A stream without an encoding reads Buffers. */
function parseChunk(chunk: unknown): Buffer {
  return chunk as Buffer;
}

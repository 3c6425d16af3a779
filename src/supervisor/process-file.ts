import { readFile } from 'node:fs/promises';
import { parseSpec } from '../bundle/format-spec.ts';
import type { Process } from '../model/runtime-spec.ts';

/** The process in a bundle's `config.json`. @throws E_BUNDLE_INVALID */
export async function readProcess(specPath: string): Promise<Process> {
  return parseSpec(await readFile(specPath, 'utf8')).process;
}

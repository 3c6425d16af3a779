import { OcupError } from '../base/errors.ts';
import type { PruneFilter } from '../model/prune-filter.ts';
import { parseTimeBound } from './logs/time-bound.ts';
import type { RawOptions } from './raw-options.ts';

/** `--filter` of the commands that prune: `until=TIME`, `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`. @throws E_USAGE */
export function parsePruneFilter(options: RawOptions, nowMs: number): PruneFilter {
  const labels: string[] = [];
  const withoutLabels: string[] = [];
  let createdBefore: string | undefined;
  for (const [key, value = ''] of options.pairs('filter')) {
    if (key === 'label') labels.push(value);
    else if (key === 'label!') withoutLabels.push(value);
    else if (key === 'until') createdBefore = parseTimeBound(value, nowMs);
    else {
      throw new OcupError('E_USAGE', `invalid filter ${JSON.stringify(key)}`, {
        hint: 'use until, label or label!',
      });
    }
  }
  return { createdBefore, labels, withoutLabels };
}

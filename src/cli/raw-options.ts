import { OcupError } from '../base/errors.ts';
import { findDurationMs } from '../base/units.ts';

/** Options as the command line gave them, read by long name: `raw.flag('force-recreate')`. */
export class RawOptions {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values;
  }

  /** Whether `--name` was given; for `no-build` whether `--no-build` was. */
  flag(name: string): boolean {
    if (name.startsWith('no-')) return this.read(name.slice('no-'.length)) === false;
    return this.read(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.read(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** Every value of an option that may be given several times. */
  list(name: string): readonly string[] {
    const value = this.read(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A whole number from 0. @throws E_USAGE */
  count(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,9}$/.test(value)) return Number(value);
    throw invalid(name, value, 'a whole number');
  }

  /** Seconds, or a duration such as `1m30s`, in milliseconds. @throws E_USAGE */
  durationMs(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : findDurationMs(value);
    if (ms !== undefined) return ms;
    throw invalid(name, value, 'seconds or a duration such as 1m30s');
  }

  /** One of `known`. @throws E_USAGE */
  choice<const T extends string>(name: string, known: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const found = known.find((item) => item === value);
    if (found !== undefined) return found;
    throw invalid(name, value, `one of ${known.join(', ')}`);
  }

  /** `KEY=VALUE` items as pairs; a lone `KEY` has no value. */
  pairs(name: string): readonly (readonly [string, string | undefined])[] {
    return this.list(name).map((item) => {
      const at = item.indexOf('=');
      return at < 0 ? [item, undefined] : [item.slice(0, at), item.slice(at + 1)];
    });
  }

  private read(name: string): unknown {
    return this.values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  }
}

function invalid(name: string, value: string, expected: string): OcupError {
  return new OcupError(
    'E_USAGE',
    `invalid value ${JSON.stringify(value)} for --${name}: expected ${expected}`,
  );
}

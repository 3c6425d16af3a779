import { OcupError } from '../base/errors.ts';

/** What leaves an attached container running, unless `--detach-keys` says otherwise. */
export const DETACH_KEYS = 'ctrl-p,ctrl-q';

const CONTROL_CHARACTERS = '@abcdefghijklmnopqrstuvwxyz[\\]^_';

/**
 * The bytes of a sequence of keys: `ctrl-p,ctrl-q`, `a,b`, `ctrl-\`. Empty for an empty text: nothing detaches.
 * @throws E_USAGE
 */
export function parseDetachKeys(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/.exec(key.toLowerCase())?.[1];
    const code = control === undefined ? -1 : CONTROL_CHARACTERS.indexOf(control);
    if (code >= 0) return code;
    throw new OcupError('E_USAGE', `invalid key ${JSON.stringify(key)} in --detach-keys`, {
      hint: 'write single letters and ctrl-LETTER, with commas between: ctrl-p,ctrl-q',
    });
  });
}

/** Looks for a sequence of keys in what is typed, and holds back what may be its beginning. */
export class DetachFilter {
  private readonly keys: readonly number[];
  private matched = 0;

  constructor(keys: readonly number[]) {
    this.keys = keys;
  }

  /** What goes on to the container; `isDetached` once the sequence is complete, and nothing goes on after it. */
  push(chunk: Buffer): { readonly passed: Buffer; readonly isDetached: boolean } {
    if (this.keys.length === 0) return { passed: chunk, isDetached: false };
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.keys[this.matched] && this.matched > 0) {
        passed.push(...this.keys.slice(0, this.matched));
        this.matched = 0;
      }
      if (byte !== this.keys[this.matched]) passed.push(byte);
      else {
        this.matched += 1;
        if (this.matched === this.keys.length) {
          return { passed: Buffer.from(passed), isDetached: true };
        }
      }
    }
    return { passed: Buffer.from(passed), isDetached: false };
  }
}

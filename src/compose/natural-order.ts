/**
 * Compares names the way people read them: runs of digits count as numbers (`web2` before `web10`), and what is
 * no letter comes before letters, but behind a digit letters come first. For `Array.sort`.
 */
export function compareNaturally(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i += 1) {
    const [x = '', y = ''] = [left[i], right[i]];
    if (x !== y) return compareAt(left, right, i);
  }
  return left.length - right.length;
}

/** Compares two names that are the same before `at` and differ there. */
function compareAt(left: readonly string[], right: readonly string[], at: number): number {
  const [x = '', y = ''] = [left[at], right[at]];
  const [isLetterX, isLetterY] = [LETTER.test(x), LETTER.test(y)];
  if (isLetterX !== isLetterY) {
    const isBehindDigit = DIGIT.test(left[at - 1] ?? '');
    return isLetterX === isBehindDigit ? -1 : 1;
  }
  if (!isLetterX) {
    const isInsideNumber = (x === '0' || y === '0') && isBehindNumber(left, at);
    const [m, n] = [digitsFrom(left, at), digitsFrom(right, at)];
    // A zero inside of a number is a digit like others: the length decides first.
    const prefix = isInsideNumber ? '1' : '0';
    const [p, q] = [Number(prefix + m), Number(prefix + n)];
    if (p !== q) return p - q;
    if (m.length !== n.length) return m.length - n.length;
  }
  return (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0);
}

const LETTER = /^\p{L}$/u;
const DIGIT = /^\p{Nd}$/u;

function isBehindNumber(text: readonly string[], at: number): boolean {
  for (let i = at - 1; i >= 0 && DIGIT.test(text[i] ?? ''); i -= 1)
    if (text[i] !== '0') return true;
  return false;
}

function digitsFrom(text: readonly string[], at: number): string {
  let end = at;
  while (DIGIT.test(text[end] ?? '')) end += 1;
  return text.slice(at, end).join('');
}

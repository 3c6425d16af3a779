import type { LogLine } from './protocol.ts';

/** Where a line of the log's own format is not one. */
const DAMAGED_TIME = '1970-01-01T00:00:00.000000000Z';

/**
 * Reads a line of a log without its newline: `time stream F|P text`. What is not of that form, after a full
 * disk say, is kept as text.
 * @see CRI log format, kubernetes/design-proposals-archive kubelet-cri-logging.md
 */
export function readLogLine(id: string, line: string): LogLine {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const stream = line.slice(first + 1, second);
  const flag = line.charAt(second + 1);
  const isWellFormed =
    first > 0 &&
    (stream === 'stdout' || stream === 'stderr') &&
    (flag === 'F' || flag === 'P') &&
    line.charAt(second + 2) === ' ';
  if (!isWellFormed) {
    return { id, stream: 'stdout', time: DAMAGED_TIME, text: line, isComplete: true };
  }
  return {
    id,
    stream,
    time: line.slice(0, first),
    text: line.slice(second + 3),
    isComplete: flag === 'F',
  };
}

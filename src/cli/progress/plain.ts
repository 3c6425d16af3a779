import type { ProgressView, WriteText } from './progress.ts';

/** A line for each event: ` Container app-db-1  Started`. Parts of a resource and growing counts are not shown. */
export function plainView(write: WriteText): ProgressView {
  const last = new Map<string, string>();
  return {
    show(event) {
      if (event.parentId !== undefined || event.current !== undefined) return;
      const details = event.details === undefined ? '' : `  ${event.details}`;
      const line = ` ${event.id}  ${event.text}${details}\n`;
      if (last.get(event.id) === line) return;
      last.set(event.id, line);
      write(line);
    },
    warn: (message) => write(`Warning: ${message}\n`),
    end: () => undefined,
  };
}

/** Only what went wrong. */
export function quietView(write: WriteText): ProgressView {
  return {
    show(event) {
      if (event.status === 'error') write(` ${event.id}  ${event.text}  ${event.details ?? ''}\n`);
    },
    warn: (message) => write(`Warning: ${message}\n`),
    end: () => undefined,
  };
}

const STATUS_WORDS = { working: 'Working', done: 'Done', warning: 'Warning', error: 'Error' };

/** An object of JSON for each event, in docker compose's keys. */
export function jsonView(write: WriteText): ProgressView {
  return {
    show(event) {
      const { id, parentId, status, text, details, current, total } = event;
      const line = {
        id,
        ...(parentId !== undefined && { parent_id: parentId }),
        status: STATUS_WORDS[status],
        text,
        ...(details !== undefined && { details }),
        ...(current !== undefined && { current }),
        ...(total !== undefined && { total }),
        ...(current !== undefined &&
          total !== undefined &&
          total > 0 && { percent: Math.floor((current * 100) / total) }),
      };
      write(`${JSON.stringify(line)}\n`);
    },
    warn: (message) => write(`${JSON.stringify({ level: 'warning', message })}\n`),
    end: () => undefined,
  };
}

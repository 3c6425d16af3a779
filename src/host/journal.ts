import { existsSync } from 'node:fs';

/** Where systemd's journal takes entries. The shim sends them there. */
const JOURNAL_SOCKET = '/run/systemd/journal/socket';

/** Whether this machine has a journal. */
export function hasJournal(): boolean {
  return existsSync(JOURNAL_SOCKET);
}

/**
 * An address that may be shown: without user, password, query and fragment, any of which may hold a secret such as a
 * signature.
 */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? new URL(url) : url;
  const hidden = parsed.search === '' ? '' : '?…';
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${hidden}`;
}

/** What a server said, short enough for a message and without control characters. */
export function quoteServerText(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return plain.length <= 300 ? plain : `${plain.slice(0, 300)}…`;
}

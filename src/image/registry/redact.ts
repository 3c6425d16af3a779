/**
 * An address that may be shown: without user, password, query and fragment, any of which may hold a secret such as a
 * signature.
 */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? new URL(url) : url;
  const hidden = parsed.search === '' ? '' : '?…';
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${hidden}`;
}

/**
 * What a server said, short enough for a message and without control characters. A server may repeat what it was sent:
 * `secrets`, credentials and queries of addresses are left out.
 */
export function quoteServerText(text: string, secrets: readonly string[] = []): string {
  const hidden = secrets
    .filter((secret) => secret.length >= 4)
    .reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
  const plain = hidden
    .replace(/\b(Basic|Bearer)\s+[\w.~+/=-]+/gi, '$1 …')
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/"'@]+@/gi, '$1…@')
    .replace(/(https?:\/\/[^\s"'?]*)\?[^\s"']*/gi, '$1?…')
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim();
  return plain.length <= 300 ? plain : `${plain.slice(0, 300)}…`;
}

/** What must not be repeated of a request: its credentials in every form, and what stands in its address's query. */
export function secretsOf(url: URL, authorization: string | undefined, body: unknown): string[] {
  const value = authorization?.replace(/^\w+\s+/, '') ?? '';
  const decoded = /^basic\b/i.test(authorization ?? '')
    ? Buffer.from(value, 'base64').toString('utf8')
    : '';
  const password = decoded.slice(decoded.indexOf(':') + 1);
  const form = typeof body === 'string' ? [...new URLSearchParams(body)] : [];
  const isSecret = /token|password|secret|sig|credential|key|state|auth/i;
  const fields = [...url.searchParams, ...form].flatMap(([name, text]) =>
    isSecret.test(name) ? [text, encodeURIComponent(text)] : [],
  );
  return [value, decoded, password, encodeURIComponent(password), ...fields].filter(
    (secret) => secret !== '',
  );
}

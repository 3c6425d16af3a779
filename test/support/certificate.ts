import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Paths of a certificate that signed itself, and of its key; both in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a certificate for names such as `DNS:registry.example` and `IP:127.0.0.1`. */
export function makeCertificate(folder: string, names: readonly string[]): Certificate {
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const about = ['-subj', '/CN=test', '-addext', `subjectAltName=${names.join(',')}`];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...kind, ...about, ...files], {
    stdio: 'ignore',
  });
  return { certificate, key };
}

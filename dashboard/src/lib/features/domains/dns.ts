/** The record that leads a domain to this server. */
export interface DnsRecord {
  type: 'CNAME' | 'A' | 'AAAA';
  name: string;
  value: string;
}

/**
 * The record that leads a domain to `host`, under which this server is reached: a name, or an address in brackets
 * if it is one of IPv6. None when that is this machine only, as seen by itself.
 */
export function recordOf(domain: string, host: string): DnsRecord | null {
  if (host === '' || isLocal(host)) return null;
  if (host.startsWith('[')) return { type: 'AAAA', name: domain, value: host.slice(1, -1) };
  if (/^[0-9.]+$/.test(host)) return { type: 'A', name: domain, value: host };
  return { type: 'CNAME', name: domain, value: host };
}

/** Where a domain is opened in a browser: with the scheme and the port of `appUrl`; none of a wildcard. */
export function addressOf(domain: string, appUrl: string): string | null {
  if (domain.startsWith('*') || !/^[a-z0-9.-]+$/.test(domain)) return null;
  try {
    const url = new URL(appUrl);
    url.hostname = domain;
    url.pathname = '/';
    return url.href;
  } catch {
    return null;
  }
}

/** Whether it stands directly below what registries give out, as far as its labels tell: `CNAME` is not allowed there. */
export function isApex(domain: string): boolean {
  return domain.split('.').length === 2;
}

function isLocal(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    host === '0.0.0.0' ||
    host === '[::]' ||
    host.startsWith('127.')
  );
}

/** Where to go after signing in: a path of this dashboard, whatever the address says. */
export function destination(next: string | null): string {
  if (next === null || !next.startsWith('/') || next.startsWith('//')) return '/';
  // `/\evil.example` is another host to a browser.
  return /[\\\u0000-\u001f]/.test(next) ? '/' : next;
}

/** The address of the sign-in page that leads back to `path`. */
export function signInPath(path: string): string {
  return path === '/' ? '/login' : `/login?next=${encodeURIComponent(path)}`;
}

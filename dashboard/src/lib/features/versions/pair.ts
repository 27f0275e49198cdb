/** The two versions to compare: those of the address, else the live one and the one before it. */
export function pairOf(
  query: URLSearchParams,
  versions: { version: number; active: boolean }[],
): { from: number; to: number } | null {
  const live = versions.find((version) => version.active)?.version ?? versions[0]?.version;
  if (live === undefined) return null;
  const to = numberOf(query.get('to')) ?? live;
  const before = versions.find(({ version }) => version < to)?.version ?? versions.at(-1)?.version ?? to;
  return { from: numberOf(query.get('from')) ?? before, to };
}

function numberOf(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

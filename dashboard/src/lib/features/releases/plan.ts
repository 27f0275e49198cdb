import { api, ok, withTag, type Schemas } from '$lib/api/client';

type PlanItem = Schemas['PlanItem'];
type DeployRequest = Schemas['DeployRequest'];

/** A request that makes a release exactly what a snapshot says; contents are named by their hashes. */
export function wholeOf(snapshot: Schemas['Snapshot']): DeployRequest {
  const scripts = Object.entries(snapshot.scripts).map(([name, { hash, description, limits }]) => [
    name,
    { hash, description: description ?? '', limits: limits ?? {} },
  ]);
  const modules = Object.entries(snapshot.modules).map(([name, { hash }]) => [name, { hash }]);
  return {
    replace: true,
    scripts: Object.fromEntries(scripts),
    modules: Object.fromEntries(modules),
    routes: snapshot.routes,
    triggers: snapshot.triggers ?? [],
  };
}

/** The same request without a script and what leads to it, or without a module. */
export function without(request: DeployRequest, what: 'script' | 'module', name: string): DeployRequest {
  const left = <T>(map: Record<string, T> | undefined) =>
    Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => key !== name));
  if (what === 'module') return { ...request, modules: left(request.modules) };
  return {
    ...request,
    scripts: left(request.scripts),
    routes: request.routes?.filter((route) => route.script !== name),
    triggers: request.triggers?.filter((trigger) => trigger.script !== name),
  };
}

/** What leads from the contents of one release to those of another, in the words of a plan. */
export function comparison(from: PlanItem[], to: PlanItem[]): PlanItem[] {
  const key = (item: PlanItem) => `${item.what} ${item.name}`;
  const before = new Map(from.map((item) => [key(item), item]));
  const after = new Set(to.map(key));
  const gone = from
    .filter((item) => !after.has(key(item)))
    .map((item) => ({ ...item, action: 'remove' as const, changes: turned(item.changes) }));
  const kept = to.map((item) => {
    const old = before.get(key(item));
    if (old === undefined) return { ...item, action: 'add' as const };
    const changes = fieldChanges(old.changes, item.changes);
    return { ...item, action: changes.length === 0 ? ('keep' as const) : ('change' as const), changes };
  });
  return [...kept, ...gone];
}

type FieldChange = Schemas['FieldChange'];

function fieldChanges(from: FieldChange[], to: FieldChange[]): FieldChange[] {
  const before = new Map(from.map(({ field, new: value }) => [field, value ?? null]));
  const after = new Map(to.map(({ field, new: value }) => [field, value ?? null]));
  const fields = [...new Set([...before.keys(), ...after.keys()])];
  return fields
    .map((field) => ({ field, old: before.get(field) ?? null, new: after.get(field) ?? null }))
    .filter((change) => change.old !== change.new);
}

function turned(changes: FieldChange[]): FieldChange[] {
  return changes.map(({ field, new: value }) => ({ field, old: value, new: null }));
}

/** The release that is live, with everything in it; `null` before the first. */
export async function liveRelease(app: string): Promise<Schemas['ReleaseDetail'] | null> {
  const number = await liveNumber(app);
  if (number === 0) return null;
  return ok(api.GET('/api/v1/apps/{app}/releases/{number}', { params: { path: { app, number } } }));
}

/** The number of the release that is live; 0 before the first. */
export async function liveNumber(app: string): Promise<number> {
  const params = { path: { app }, query: { limit: 1 } };
  const { tag } = await withTag(api.GET('/api/v1/apps/{app}/releases', { params }));
  return Number(tag.replaceAll('"', '')) || 0;
}

/** Deploys, if release `base` is still live; else the problem has status 412. */
export function deploy(app: string, base: number, request: DeployRequest): Promise<Schemas['Deployed']> {
  const params = { path: { app }, header: { 'If-Match': `"${base}"` } };
  return ok(api.POST('/api/v1/apps/{app}/releases', { params, body: { ...request, source: 'dashboard' } }));
}

/** What a deploy would change. */
export async function planOf(app: string, base: number, request: DeployRequest): Promise<PlanItem[]> {
  return (await deploy(app, base, { ...request, dry_run: true })).plan;
}

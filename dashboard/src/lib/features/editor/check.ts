import { api, ok, type Schemas } from '$lib/api/client';
import { Problem } from '$lib/api/problem';
import { liveNumber } from '$lib/features/releases/plan';
import type { Place } from './drafts';
import type { Live } from './work.svelte';

/** What the server finds in a draft; `null` when it did not say. */
export async function check(place: Place, source: string): Promise<Schemas['Diagnostic'][] | null> {
  try {
    return await findings(place, source);
  } catch (error) {
    const problem = Problem.from(error);
    return problem.diagnostics.length > 0 ? problem.diagnostics : null;
  }
}

async function findings(place: Place, source: string): Promise<Schemas['Diagnostic'][]> {
  const script = place.kind === 'script' ? place.name : 'check';
  // A module is checked as a script that imports it sees it; what uses it is checked with the deploy.
  const body =
    place.kind === 'script'
      ? { source }
      : { source: `import "${place.name}" as checked;`, modules: { [place.name]: source } };
  const params = { path: { app: place.app, script } };
  return (await ok(api.POST('/api/v1/apps/{app}/scripts/{script}/validate', { params, body }))).diagnostics;
}

/** The source that is live, with the release it is in. */
export async function liveSource({ app, kind, name }: Place): Promise<Live> {
  // The release first: if another comes between, the source is newer than it says, which a deploy notices.
  const release = await liveNumber(app);
  const source = kind === 'script' ? await scriptSource(app, name) : await moduleSource(app, name);
  return { source, release };
}

async function scriptSource(app: string, script: string): Promise<string> {
  const params = { path: { app, script } };
  return (await ok(api.GET('/api/v1/apps/{app}/scripts/{script}', { params }))).source;
}

/** The source of a module that is live. */
export async function moduleSource(app: string, module: string): Promise<string> {
  const params = { path: { app, module } };
  return (await ok(api.GET('/api/v1/apps/{app}/modules/{module}', { params }))).source;
}

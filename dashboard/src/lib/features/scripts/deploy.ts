import { api, ok, onceKey, type Schemas } from '$lib/api/client';

/** A script to be made, in an app that may have to be made first. */
export interface NewScript {
  app: string;
  /** Whether the app is not there yet. */
  newApp: boolean;
  name: string;
  source: string;
  message: string;
}

/** Whether an app has a script of this name. */
export async function isThere(app: string, name: string): Promise<boolean> {
  const { items } = await ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path: { app } } }));
  return items.some((script) => script.name === name);
}

/** Deploys one script beside those the app has. It is live when this returns. */
export async function deployNew(script: NewScript): Promise<Schemas['Deployed']> {
  const { app, newApp, name, source, message } = script;
  if (newApp) {
    const headers = { 'idempotency-key': onceKey() };
    await ok(api.POST('/api/v1/apps', { body: { name: app }, headers }));
  }
  const path = { app };
  return ok(
    api.POST('/api/v1/apps/{app}/releases', {
      params: { path },
      body: { scripts: { [name]: { source } }, message, source: 'dashboard' },
    }),
  );
}

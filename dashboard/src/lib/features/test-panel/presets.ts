import type { TestRequest } from './request';

/** A request with a name, kept in this browser. */
export interface Preset {
  name: string;
  request: TestRequest;
}

const MOST = 30;

/** The presets of a script, by name. */
export function presetsOf(app: string, script: string): Preset[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(keyOf(app, script)) ?? '[]');
    return Array.isArray(found) ? found.filter(isPreset) : [];
  } catch {
    return [];
  }
}

/** Adds a preset, or replaces the one with its name. `null`: this browser could not keep it. */
export function withPreset(app: string, script: string, preset: Preset): Preset[] | null {
  const others = presetsOf(app, script).filter(({ name }) => name !== preset.name);
  const all = [preset, ...others].slice(0, MOST).sort((one, two) => one.name.localeCompare(two.name));
  return keep(app, script, all);
}

/** Takes a preset away. */
export function withoutPreset(app: string, script: string, name: string): Preset[] | null {
  return keep(
    app,
    script,
    presetsOf(app, script).filter((preset) => preset.name !== name),
  );
}

function keep(app: string, script: string, presets: Preset[]): Preset[] | null {
  try {
    if (presets.length === 0) localStorage.removeItem(keyOf(app, script));
    else localStorage.setItem(keyOf(app, script), JSON.stringify(presets));
    return presets;
  } catch {
    return null;
  }
}

function keyOf(app: string, script: string): string {
  return `picloud.presets.${app}/${script}`;
}

function isPreset(value: unknown): value is Preset {
  if (typeof value !== 'object' || value === null) return false;
  const { name, request } = value as { name?: unknown; request?: Record<string, unknown> };
  const fields = ['method', 'path', 'headers', 'body', 'handler'];
  return typeof name === 'string' && fields.every((field) => typeof request?.[field] === 'string');
}

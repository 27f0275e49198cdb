import { page } from '$app/state';

/** The app one was in last, so that the sidebar keeps its pages. */
class CurrentApp {
  #last = $state<string | null>(null);

  /** The app of the address, else the last one, else the first. */
  among(apps: { name: string; default: boolean }[]): string | null {
    const wanted = page.params['app'] ?? this.#last;
    const known = (name: string | null) => apps.some((app) => app.name === name);
    if (wanted !== null && known(wanted)) return wanted;
    return (apps.find((app) => app.default) ?? apps[0])?.name ?? null;
  }

  remember(): void {
    if (page.params['app'] !== undefined) this.#last = page.params['app'];
  }
}

export const currentApp = new CurrentApp();

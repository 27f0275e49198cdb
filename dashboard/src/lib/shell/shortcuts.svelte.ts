import { untrack } from 'svelte';

/** Something the keyboard does anywhere on a page. */
export interface Shortcut {
  /** A key, or two in a row: `?`, `/`, `g o`. */
  keys: string;
  title: string;
  run: () => void;
}

const CHORD = 1_000;

/** Whether keys belong to what has the focus. */
export function takesKeys(target: EventTarget | null): boolean {
  if (target === null || !('closest' in target)) return false;
  return (
    (target as Element).closest('input, textarea, select, [contenteditable], .cm-editor, dialog') !== null
  );
}

class Shortcuts {
  list = $state.raw<Shortcut[]>([]);
  #first = '';
  #since = 0;

  /** Adds some as long as a component is there; call it in its script. */
  use(shortcuts: Shortcut[]): void {
    $effect(() => {
      // What is there of others must not start this effect again.
      untrack(() => (this.list = [...this.list, ...shortcuts]));
      return () => (this.list = this.list.filter((shortcut) => !shortcuts.includes(shortcut)));
    });
  }

  /** What a key does; `time` in milliseconds tells chords from keys far apart. Whether it did something. */
  press(event: KeyboardEvent, time: number): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey || takesKeys(event.target)) return false;
    if (event.key.length !== 1) return false;
    const chord = time - this.#since < CHORD ? `${this.#first} ${event.key}` : '';
    const found = this.#find(chord) ?? this.#find(event.key);
    this.#first = found ? '' : event.key;
    this.#since = found ? 0 : time;
    found?.run();
    return found !== undefined;
  }

  // The latest wins: a page may give a key a meaning of its own.
  #find(keys: string): Shortcut | undefined {
    return keys === '' ? undefined : this.list.findLast((shortcut) => shortcut.keys === keys);
  }
}

export const shortcuts = new Shortcuts();

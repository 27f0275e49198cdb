import { Problem } from '$lib/api/problem';

export interface Toast {
  id: number;
  tone: 'ok' | 'bad';
  text: string;
  requestId?: string;
}

const SHOWN = 6_000;
const MOST = 4;

/** Short notes about what was just done. Errors stay until they are closed. */
class Toasts {
  list = $state.raw<Toast[]>([]);
  #next = 1;

  /** That something is done. */
  done(text: string): void {
    const id = this.#add({ tone: 'ok', text });
    setTimeout(() => this.close(id), SHOWN);
  }

  /** That something failed: a text, or what was thrown. */
  failed(error: unknown): void {
    if (typeof error === 'string') {
      this.#add({ tone: 'bad', text: error });
      return;
    }
    const problem = Problem.from(error);
    const text = problem.detail ? `${problem.title}: ${problem.detail}` : problem.title;
    this.#add({ tone: 'bad', text, requestId: problem.requestId });
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, 'id'>): number {
    const id = this.#next++;
    this.list = [...this.list, { ...toast, id }].slice(-MOST);
    return id;
  }
}

export const toasts = new Toasts();

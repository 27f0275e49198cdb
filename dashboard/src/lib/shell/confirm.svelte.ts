/** A question before something that cannot be taken back. */
export interface Question {
  title: string;
  /** What will happen, and what cannot be undone. */
  text: string;
  /** The button, a verb: `Delete`. */
  action: string;
  /** What has to be typed first, for what is hard to lose. */
  typed?: string;
}

class Confirm {
  asked = $state.raw<Question | null>(null);
  #answer: ((yes: boolean) => void) | null = null;

  ask(question: Question): Promise<boolean> {
    this.settle(false);
    this.asked = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  settle(yes: boolean): void {
    this.#answer?.(yes);
    this.#answer = null;
    this.asked = null;
  }
}

export const confirm = new Confirm();

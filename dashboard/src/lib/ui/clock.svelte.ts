import { createSubscriber } from 'svelte/reactivity';

/** A time that is read again when it may have changed; no timer runs while nothing shows it, or nobody looks. */
export function now(every: number): Date {
  subscriber(every)();
  return new Date();
}

const subscribers = new Map<number, () => void>();

function subscriber(every: number): () => void {
  const known = subscribers.get(every);
  if (known !== undefined) return known;
  const subscribe = createSubscriber((update) => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') update();
    }, every);
    document.addEventListener('visibilitychange', update);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', update);
    };
  });
  subscribers.set(every, subscribe);
  return subscribe;
}

/**
 * Looks again and again, while somebody looks at the page. The function it returns ends that.
 * For what the API has no stream of.
 */
export function poll(every: number, look: () => Promise<void>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = true;
  let under = false;

  const plan = () => {
    clearTimeout(timer);
    if (running && document.visibilityState === 'visible') timer = setTimeout(() => void turn(), every);
  };
  const turn = async () => {
    if (under) return;
    under = true;
    await look();
    under = false;
    plan();
  };
  const seen = () => {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') void turn();
  };
  document.addEventListener('visibilitychange', seen);
  plan();
  return () => {
    running = false;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
  };
}

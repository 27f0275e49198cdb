import type { HandleClientError } from '@sveltejs/kit';
import { Problem } from '$lib/api/problem';

/** What a page that could not load says. */
export const handleError: HandleClientError = ({ error, status, message }) => {
  if (status === 404) return { message: 'There is no such page', status, code: 'no_page' };
  const problem = error instanceof Error ? Problem.from(error) : Problem.from(message);
  if (!(error instanceof Problem)) console.error(error);
  const { title, detail, code, requestId } = problem;
  return { message: title, detail, code, status: problem.status, requestId };
};

import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

/** The server that `npm run dev` works against. */
const server = process.env['PICLOUD_ADMIN'] ?? 'http://localhost:8081';

export default defineConfig({
  plugins: [sveltekit()],
  build: { target: 'es2022', chunkSizeWarningLimit: 600 },
  server: {
    proxy: {
      // The server takes session cookies from pages of its own origin only.
      '/api': { target: server, changeOrigin: true, headers: { origin: new URL(server).origin } },
      '/docs': { target: server, changeOrigin: true },
      '/version': { target: server, changeOrigin: true },
    },
  },
  test: { include: ['src/**/*.test.ts'], expect: { requireAssertions: true } },
});

import { defineConfig } from "vite";

// Built files carry a hash in their name and are served by Django under /static/.
export default defineConfig({
  base: "/static/",
  publicDir: false,
  build: {
    outDir: "dist",
    emptyOutDir: true,
    manifest: true,
    sourcemap: false,
    target: "es2022",
    // Icons are referenced by <use href>, which a data: address would break.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      input: ["src/main.ts", "src/theme.ts"],
    },
  },
  server: {
    port: 5173,
    strictPort: true,
    cors: { origin: /^http:\/\/(localhost|127\.0\.0\.1):\d+$/ },
  },
});

import { defineConfig } from "vite";

// No hashes in names and nothing of the day or the machine: the same sources give the same files, which CI checks.
export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    outDir: "../voiceguard/server/page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: URLs are forbidden by the page's policy
    rollupOptions: {
      output: { entryFileNames: "desk.js", chunkFileNames: "[name].js", assetFileNames: "desk[extname]" },
    },
  },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8765", ws: true } } },
});

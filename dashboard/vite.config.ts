import { defineConfig } from "vite";

// `npm run dev` shows the sources with the API of a service that runs on its usual port.
const service = { target: "http://127.0.0.1:8000", changeOrigin: true };

export default defineConfig({
  base: "./",
  build: {
    outDir: "../app/page",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy allows no data: addresses
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    proxy: { "/v1": service, "/readyz": service, "/version": service, "/openapi.json": service },
  },
});

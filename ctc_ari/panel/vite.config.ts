import { defineConfig } from 'vite';

// One ES module that a CRM embeds with one script tag; nothing is fetched from elsewhere.
export default defineConfig({
  build: {
    outDir: 'static',
    emptyOutDir: true,
    target: 'es2022',
    minify: true,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: {
      input: 'src/main.ts',
      preserveEntrySignatures: 'strict',
      output: { format: 'es', entryFileNames: 'ctc-panel.js', codeSplitting: false },
    },
  },
});

// Bundles the extension, its webviews and its tests into out/.
//   node esbuild.mjs            what is packaged, minified
//   node esbuild.mjs --tests    the tests, for `node --test`
//   node esbuild.mjs --watch    while working on it

import { build, context } from 'esbuild';

const tests = process.argv.includes('--tests');
const watch = process.argv.includes('--watch');

/** @type {import('esbuild').BuildOptions} */
const common = {
    bundle: true,
    logLevel: 'warning',
    minify: !watch && !tests,
    sourcemap: watch || tests ? 'inline' : false,
    legalComments: 'linked',
};

/** @type {import('esbuild').BuildOptions[]} */
const parts = tests
    ? [
          {
              ...common,
              entryPoints: ['test/*.test.ts', 'test/editor/*.test.ts'],
              outdir: 'out/test',
              outbase: 'test',
              outExtension: { '.js': '.mjs' },
              platform: 'node',
              format: 'esm',
              target: 'node20',
              packages: 'external',
          },
      ]
    : [
          {
              ...common,
              entryPoints: { extension: 'src/extension.ts' },
              outdir: 'out',
              platform: 'node',
              format: 'cjs',
              target: 'node20',
              external: ['vscode'],
          },
          {
              ...common,
              entryPoints: ['src/webview/graph.ts', 'src/webview/plan.ts', 'src/webview/graph.css', 'src/webview/plan.css'],
              outdir: 'out/webview',
              platform: 'browser',
              format: 'iife',
              target: 'es2022',
          },
      ];

if (watch) {
    for (const part of parts) {
        await (await context(part)).watch();
    }
} else {
    await Promise.all(parts.map((part) => build(part)));
}

import js from '@eslint/js';
import typescript from 'typescript-eslint';

export default typescript.config(
    { ignores: ['out/', 'node_modules/'] },
    js.configs.recommended,
    {
        files: ['**/*.ts'],
        extends: [...typescript.configs.strictTypeChecked, ...typescript.configs.stylisticTypeChecked],
        languageOptions: {
            parserOptions: {
                project: ['./tsconfig.json', './src/webview/tsconfig.json', './test/editor/tsconfig.json'],
                tsconfigRootDir: import.meta.dirname,
            },
        },
        rules: {
            eqeqeq: ['error', 'always', { null: 'ignore' }],
            'no-console': 'error',
            '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
            '@typescript-eslint/no-non-null-assertion': 'error',
            // A test that fails is told by the runner, whether anybody waits for it or not.
            '@typescript-eslint/no-floating-promises': [
                'error',
                { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test'] }] },
            ],
            // Whatever has `dispose` is a Disposable to the editor.
            '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
        },
    },
    { files: ['**/*.mjs'], languageOptions: { globals: { process: 'readonly', console: 'readonly' } } },
);

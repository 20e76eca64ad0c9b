// Every snippet, as it is put in, is a sound program together with what it refers to.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import snippets from '../snippets/plat.json' with { type: 'json' };
import { check } from './plat';

/** What a snippet refers to that its program must have already. */
const NEEDS: Record<string, string> = {
    Route: 'service api { run = image("ghcr.io/acme/api:1.0.0") }',
    Moved: 'redis new { memory = 64MiB }',
};

/** The text of a snippet when nothing is typed into it. */
function expanded(body: readonly string[]): string {
    const text = body.join('\n').replaceAll(/\$0|\$\{0\}/g, '');
    let out = text;
    for (let before = ''; before !== out; ) {
        before = out;
        out = out.replaceAll(/\$\{\d+:((?:[^}\\$]|\\.)*)\}/g, (_, inner: string) => inner.replaceAll(/\\(.)/g, '$1'));
    }
    return out;
}

for (const [name, snippet] of Object.entries(snippets)) {
    test(`the snippet ${name} compiles`, () => {
        const text = expanded(snippet.body);
        const parts = [text, NEEDS[name] ?? ''];
        if (!text.startsWith('app ')) {
            parts.unshift('app shop');
        }
        if (!/^env /m.test(text)) {
            parts.push('env dev { target = local {} }');
        }
        const program = parts.join('\n\n');
        const { json } = check(program);
        assert.deepEqual(
            json.diagnostics.map((diagnostic) => `${diagnostic.code} ${diagnostic.message}`),
            [],
            program,
        );
    });
}

test('no two snippets have one prefix', () => {
    const prefixes = Object.values(snippets).map((snippet) => snippet.prefix);
    assert.equal(new Set(prefixes).size, prefixes.length);
});

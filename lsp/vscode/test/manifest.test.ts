// The manifest against what it speaks of: commands, files, the messages of `platc`, and the README.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import manifest from '../package.json' with { type: 'json' };
import { check, extension } from './plat';

const { contributes } = manifest;

function source(): string {
    const src = path.join(extension, 'src');
    const files = readdirSync(src).filter((file) => file.endsWith('.ts'));
    return files.map((file) => readFileSync(path.join(src, file), 'utf8')).join('\n');
}

test('every command of the manifest is registered, and every other is only called by the extension', () => {
    const registered = [...source().matchAll(/\bcommand\('(plat\.\w+)'/g)].map((match) => match[1]);
    // These take places, which no one can type.
    const inner = ['plat.open', 'plat.planEnvironment', 'plat.runTest', 'plat.showReferences', 'plat.why'];
    const told = contributes.commands.map((command) => command.command);
    assert.deepEqual(new Set(registered), new Set([...told, ...inner]));
});

test('what the server is told that this client can run, it can', () => {
    const text = source();
    const [, list] = /commands: \[([^\]]*)\]/.exec(text) ?? [];
    const offered = [...(list ?? '').matchAll(/'(plat\.\w+)'/g)].map((match) => match[1]);
    assert.deepEqual(offered, ['plat.planEnvironment', 'plat.runTest', 'plat.showReferences', 'plat.why']);
    for (const name of offered) {
        assert.ok(text.includes(`command('${name}'`), `${name} is not registered`);
    }
});

test('menus and welcome texts name commands that there are', () => {
    const told = new Set(contributes.commands.map((command) => command.command));
    const menus = Object.values(contributes.menus).flat().map((entry) => entry.command);
    const links = contributes.viewsWelcome.flatMap(({ contents }) => [...contents.matchAll(/command:(plat\.\w+)/g)]);
    for (const command of [...menus, ...links.map((match) => match[1] ?? '')]) {
        assert.ok(told.has(command), `${command} is no command`);
    }
});

test('every setting is read, and the README tells of it', () => {
    const readme = readFileSync(path.join(extension, 'README.md'), 'utf8');
    const text = source();
    for (const name of Object.keys(contributes.configuration.properties)) {
        assert.ok(readme.includes(`\`${name}\``), `the README does not tell of ${name}`);
        // The client's library reads this one by the client's name.
        if (name !== 'plat.trace.server') {
            const key = name.split('.').slice(1).join('.');
            assert.ok(text.includes(`'${key}'`), `nobody reads ${name}`);
        }
    }
});

test('as long as nobody has a publisher\'s name for it, it can\'t be published by mistake', () => {
    const placeholder = manifest.publisher === 'plat';
    assert.equal(manifest.private, placeholder);
    const readme = readFileSync(path.join(extension, 'README.md'), 'utf8');
    assert.equal(readme.includes('registered nowhere'), placeholder);
});

test('every file that the manifest names is there', () => {
    const named = [...JSON.stringify(manifest).matchAll(/"(\.?\/?(?:images|syntaxes|snippets)\/[^"]+)"/g)];
    assert.ok(named.length > 5);
    for (const match of named) {
        assert.ok(existsSync(path.join(extension, match[1] ?? '')), `${String(match[1])} is not there`);
    }
});

test('the problem matcher reads what platc writes', () => {
    const program =
        'app shop\n\nredis cache { memory = 64s }\nservice api {\n    run  = image("a/b:1")\n    scal = 2\n}\n' +
        'env dev { target = local {} }\n';
    const { text, json } = check(program);
    const [first, second] = contributes.problemMatchers[0]?.pattern ?? [];
    assert.ok(first && second);
    const found: unknown[] = [];
    let head: RegExpExecArray | null = null;
    for (const line of text.split('\n')) {
        const at = new RegExp(second.regexp).exec(line);
        if (head !== null && at !== null) {
            found.push([head[1], head[2]?.toLowerCase(), head[3], at[1], Number(at[2]), Number(at[3])]);
        }
        // The second line has to follow the first at once.
        head = new RegExp(first.regexp).exec(line);
    }
    const wanted = json.diagnostics.map(({ code, severity, message, primary }) => [
        code,
        severity,
        message,
        primary.file,
        primary.start.line,
        primary.start.column,
    ]);
    assert.equal(wanted.length, 2);
    assert.deepEqual(found, wanted);
});

// What the tests know of plat: the sources of this repository, and how its own lexer and parser read them.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { CheckReport } from '../src/formats';

/** The extension's own directory: above the bundled test, wherever in `out/` that is. */
export const extension = above(import.meta.dirname, 'package.json');

/** The root of the repository. */
export const repository = above(extension, 'Cargo.lock');

function above(dir: string, file: string): string {
    let at = dir;
    while (!existsSync(path.join(at, file))) {
        const parent = path.dirname(at);
        if (parent === at) {
            throw new Error(`no ${file} above ${dir}`);
        }
        at = parent;
    }
    return at;
}

/** A text, and where it stands. */
export interface Source {
    name: string;
    text: string;
}

/** A token, a comment or a node, with its range in UTF-16 units. */
export interface Range {
    kind: string;
    start: number;
    end: number;
}

/** How plat's own lexer and parser read a text. */
export interface Reading {
    mistakes: number;
    tokens: Range[];
    comments: Range[];
    nodes: Range[];
}

/**
 * A program that the Rust half of the repository builds: `variable` says where, else it is taken from the
 * target directory.
 */
function built(variable: string, name: string): string {
    const said = process.env[variable];
    const target = process.env.CARGO_TARGET_DIR ?? path.join(repository, 'target');
    const file = said ?? path.join(target, 'debug', name);
    if (!existsSync(file)) {
        throw new Error(
            `${file} is not there: build it (\`cargo build -p platc\`, \`cargo build -p plat-syntax --example ` +
                `tokens\`), or say where it is in ${variable}`,
        );
    }
    return file;
}

/** The compiler. */
export function platc(): string {
    return built('PLATC', 'platc');
}

/** The blocks of the specification, `stdlib/` and `examples/`. */
export function sources(): Source[] {
    const out: Source[] = [];
    const spec = path.join(repository, 'spec');
    for (const file of readdirSync(spec).sort()) {
        if (!file.endsWith('.md')) {
            continue;
        }
        const text = readFileSync(path.join(spec, file), 'utf8');
        for (const block of text.matchAll(/^```plat\n([\s\S]*?)^```$/gm)) {
            const line = text.slice(0, block.index).split('\n').length + 1;
            out.push({ name: `spec/${file}:${String(line)}`, text: block[1] ?? '' });
        }
    }
    for (const root of ['stdlib', 'examples', 'compiler', 'tests']) {
        for (const file of readdirSync(path.join(repository, root), { recursive: true, encoding: 'utf8' }).sort()) {
            if (file.endsWith('.plat')) {
                const name = path.join(root, file);
                out.push({ name, text: readFileSync(path.join(repository, name), 'utf8') });
            }
        }
    }
    return out;
}

/** How plat's own lexer and parser read these texts. */
export function readings(texts: readonly Source[]): Reading[] {
    const told = execFileSync(built('PLAT_TOKENS', 'examples/tokens'), {
        input: texts.map((source) => source.text).join('\0'),
        maxBuffer: 1 << 28,
        encoding: 'utf8',
    });
    const out: Reading[] = [];
    let units: number[] = [];
    for (const line of told.trimEnd().split('\n')) {
        const [what = '', kind = '', start = '', end = ''] = line.split(' ');
        if (what === 'text') {
            units = unitsOfBytes(texts[out.length]?.text ?? '');
            out.push({ mistakes: Number(kind), tokens: [], comments: [], nodes: [] });
            continue;
        }
        const range = { kind, start: units[Number(start)] ?? 0, end: units[Number(end)] ?? 0 };
        const reading = out.at(-1);
        if (what === 'token') {
            reading?.tokens.push(range);
        } else if (what === 'comment') {
            reading?.comments.push(range);
        } else {
            reading?.nodes.push(range);
        }
    }
    return out;
}

/** At which UTF-16 unit each byte stands. */
function unitsOfBytes(text: string): number[] {
    const out: number[] = [];
    let unit = 0;
    for (const character of text) {
        for (let i = 0; i < Buffer.byteLength(character); i++) {
            out.push(unit);
        }
        unit += character.length;
    }
    out.push(unit);
    return out;
}

/** What `platc check` says of a program: as text, and as JSON. */
export function check(text: string): { text: string; json: CheckReport } {
    const dir = mkdtempSync(path.join(tmpdir(), 'plat-vscode-'));
    try {
        writeFileSync(path.join(dir, 'plat.toml'), '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2026"\n');
        writeFileSync(path.join(dir, 'shop.plat'), text);
        const run = (...args: string[]): { out: string; err: string } => {
            const ran = spawnSync(platc(), ['check', ...args], { cwd: dir, encoding: 'utf8' });
            return { out: ran.stdout, err: ran.stderr };
        };
        return { text: run().err, json: JSON.parse(run('--json').out) as CheckReport };
    } finally {
        rmSync(dir, { recursive: true });
    }
}

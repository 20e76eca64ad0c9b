// The TextMate grammar against plat's own lexer and parser: every token of every sound program in the
// specification, in `stdlib/` and in `examples/` has a scope that fits what it is.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import oniguruma from 'vscode-oniguruma';
import textmate from 'vscode-textmate';

import { extension, readings, sources, type Range, type Reading, type Source } from './plat';

/** Kinds of tree nodes that are names, and nothing but the name. */
const NAMES = new Set(['Name', 'NameRef', 'TypeName', 'PatName']);

/** What may be the innermost scope of a name. */
const A_NAME = /^(variable|entity|support)\./;
const A_KEYWORD = /^(keyword|storage)\./;

/** The innermost scope that fits each kind of token; `Word` stands for every word that is not reserved. */
const FITTING: Record<string, RegExp> = {
    Int: /^constant\.numeric\.integer/,
    Decimal: /^constant\.numeric\.decimal/,
    Quantity: /^(constant\.numeric\.quantity|keyword\.other\.unit)/,
    StringStart: /^punctuation\.definition\.string\.begin/,
    BlockStart: /^punctuation\.definition\.string\.begin/,
    StringText: /^(string\.quoted|constant\.character\.escape)/,
    StringEnd: /^punctuation\.definition\.string\.end/,
    InterpStart: /^punctuation\.section\.interpolation\.begin/,
    InterpEnd: /^punctuation\.section\.interpolation\.end/,
    LBrace: /^punctuation\.section\.braces\.begin/,
    RBrace: /^punctuation\.section\.braces\.end/,
    LBracket: /^punctuation\.section\.brackets\.begin/,
    RBracket: /^punctuation\.section\.brackets\.end/,
    LParen: /^punctuation\.section\.parens\.begin/,
    RParen: /^punctuation\.section\.parens\.end/,
    Comma: /^punctuation\.separator\.comma/,
    Colon: /^punctuation\.separator\.colon/,
    Dot: /^punctuation\.accessor/,
    QuestionDot: /^punctuation\.accessor/,
    Question: /^keyword\.operator\.optional/,
    QuestionQuestion: /^keyword\.operator\.coalescing/,
    DotDot: /^keyword\.operator\.range/,
    Eq: /^keyword\.operator\.assignment/,
    EqEq: /^keyword\.operator\.comparison/,
    NotEq: /^keyword\.operator\.comparison/,
    Lt: /^keyword\.operator\.comparison/,
    LtEq: /^keyword\.operator\.comparison/,
    Gt: /^keyword\.operator\.comparison/,
    GtEq: /^keyword\.operator\.comparison/,
    Plus: /^keyword\.operator\.arithmetic/,
    Minus: /^keyword\.operator\.arithmetic/,
    Star: /^keyword\.operator\.arithmetic/,
    Slash: /^keyword\.operator\.arithmetic/,
    Pipe: /^keyword\.operator\.pipe/,
    FatArrow: /^keyword\.operator\.arrow/,
    AndKw: /^keyword\.operator\.word/,
    OrKw: /^keyword\.operator\.word/,
    NotKw: /^keyword\.operator\.word/,
    InKw: /^keyword\.(operator\.word|control)/,
    IsKw: /^keyword\.(operator\.word|other)/,
    ElseKw: /^keyword\.control/,
    ForKw: /^keyword\.control/,
    IfKw: /^keyword\.control/,
    MatchKw: /^keyword\.control/,
    ThenKw: /^keyword\.control/,
    WithKw: /^keyword\.other\.with/,
    LetKw: /^storage\.type\.let/,
    TrueKw: /^constant\.language\.boolean/,
    FalseKw: /^constant\.language\.boolean/,
    NoneKw: /^constant\.language\.none/,
};

/** Words that are keywords in their places; elsewhere they are names. */
const CONTEXTUAL = new Set(
    (
        'abstract app as changes each env extern fn grants implicit kind later live moved open out policy pub ' +
        'require secret test to type unit use waive where'
    ).split(' '),
);

async function grammar(): Promise<textmate.IGrammar> {
    const wasm = path.join(extension, 'node_modules/vscode-oniguruma/release/onig.wasm');
    await oniguruma.loadWASM(readFileSync(wasm).buffer);
    const registry = new textmate.Registry({
        onigLib: Promise.resolve({
            createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
            createOnigString: (text) => new oniguruma.OnigString(text),
        }),
        loadGrammar: (scope) => {
            const file = scope === 'source.plat' ? 'plat' : 'plat.markdown';
            const at = path.join(extension, 'syntaxes', `${file}.tmLanguage.json`);
            return Promise.resolve(textmate.parseRawGrammar(readFileSync(at, 'utf8'), at));
        },
    });
    const loaded = await registry.loadGrammar('source.plat');
    assert.ok(loaded);
    return loaded;
}

/** The scopes of every UTF-16 unit of a text, the innermost last. */
function scopesOf(loaded: textmate.IGrammar, text: string): string[][] {
    const out: string[][] = [];
    let stack: textmate.StateStack = textmate.INITIAL;
    for (const line of text.split('\n')) {
        const told = loaded.tokenizeLine(line, stack);
        stack = told.ruleStack;
        for (const token of told.tokens) {
            for (let at = token.startIndex; at < Math.min(token.endIndex, line.length); at++) {
                out.push(token.scopes);
            }
        }
        // The end of the line.
        out.push([]);
    }
    return out;
}

/** The reserved words and the contextual ones that are names where they stand. */
function fitting(token: Range, text: string, named: ReadonlySet<string>): RegExp | undefined {
    const word = text.slice(token.start, token.end);
    const isName = named.has(`${String(token.start)}-${String(token.end)}`);
    if (token.kind === 'Ident') {
        if (isName || !CONTEXTUAL.has(word)) {
            return A_NAME;
        }
        return A_KEYWORD;
    }
    // `in(prod, x)` is a call of what is an operator elsewhere: either fits.
    if (isName && token.kind === 'InKw') {
        return /^(keyword\.operator\.word|entity\.|variable\.)/;
    }
    return isName && token.kind.endsWith('Kw') && !/^(True|False|None)Kw$/.test(token.kind) ? A_NAME : FITTING[token.kind];
}

/** Where the grammar says something else than the lexer and the parser; the kinds that were seen go into `seen`. */
function differences(source: Source, reading: Reading, loaded: textmate.IGrammar, seen: Set<string>): string[] {
    const scopes = scopesOf(loaded, source.text);
    const named = namesIn(reading);
    const out: string[] = [];
    const tell = (range: Range, at: number, wanted: string): void => {
        const line = source.text.slice(0, at).split('\n').length;
        const text = source.text.slice(range.start, range.end);
        const has = (scopes[at] ?? []).join(' ');
        out.push(`${source.name} line ${String(line)}: ${range.kind} \`${text}\` is ${has}; fits ${wanted}`);
    };
    const hold = (range: Range, wanted: RegExp): void => {
        for (let at = range.start; at < range.end; at++) {
            // The ends of lines in block strings have no scopes of their own.
            if (source.text[at] === '\n' || (range.kind === 'docs' && /\s/.test(source.text[at] ?? ''))) {
                continue;
            }
            if (!wanted.test((scopes[at] ?? []).at(-1) ?? '')) {
                tell(range, at, String(wanted));
                return;
            }
        }
    };
    for (const token of reading.tokens) {
        seen.add(token.kind);
        const wanted = fitting(token, source.text, named);
        if (wanted === undefined) {
            tell(token, token.start, 'nothing that this test knows: say what in FITTING');
        } else {
            hold(token, wanted);
        }
    }
    for (const comment of reading.comments) {
        seen.add(comment.kind);
        const docs = /^(comment\.line\.documentation|punctuation\.definition\.comment|markup\.inline)/;
        hold(comment, comment.kind === 'docs' ? docs : /^(comment\.line|punctuation\.definition\.comment|markup\.inline)/);
    }
    return out;
}

/** The places of words that the parser has taken for names. */
function namesIn(reading: Reading): Set<string> {
    const out = new Set<string>();
    for (const node of reading.nodes) {
        if (NAMES.has(node.kind)) {
            out.add(`${String(node.start)}-${String(node.end)}`);
        }
    }
    return out;
}

await test('every token of every sound program has a scope that fits it', async () => {
    const loaded = await grammar();
    const texts = sources();
    const read = readings(texts);
    assert.equal(read.length, texts.length);
    const seen = new Set<string>();
    const wrong: string[] = [];
    let sound = 0;
    for (const [i, source] of texts.entries()) {
        const reading = read[i];
        if (reading?.mistakes !== 0) {
            continue;
        }
        sound += 1;
        wrong.push(...differences(source, reading, loaded, seen));
    }
    assert.ok(sound > 150, `only ${String(sound)} of ${String(texts.length)} programs are sound`);
    assert.equal(wrong.length, 0, wrong.slice(0, 200).join('\n'));
    const unseen = Object.keys(FITTING).filter((kind) => !seen.has(kind));
    assert.deepEqual(unseen, [], 'kinds of tokens that no program has');
});

// A conversation with the server in the library that is under VS Code's client: what is said and heard is of the
// protocol's own types, over the pipes of a real `platc lsp`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import {
    CancellationTokenSource,
    CodeActionRequest,
    CompletionRequest,
    createProtocolConnection,
    DidChangeTextDocumentNotification,
    DidCloseTextDocumentNotification,
    DidOpenTextDocumentNotification,
    ExitNotification,
    HoverRequest,
    InitializedNotification,
    InitializeRequest,
    LSPErrorCodes,
    MarkupContent,
    PrepareRenameRequest,
    PublishDiagnosticsNotification,
    ReferencesRequest,
    RegistrationRequest,
    RenameRequest,
    ResponseError,
    SemanticTokensRequest,
    ShutdownRequest,
    StreamMessageReader,
    StreamMessageWriter,
    TextDocumentSyncKind,
    WorkspaceSymbolRequest,
    type CompletionItem,
    type Diagnostic,
    type InitializeResult,
    type Position,
    type ProtocolConnection,
    type TextEdit,
} from 'vscode-languageserver-protocol/node';

import { platc } from './plat';

const SHOP = `use acme.web_app

app shop

web_app front { copies = 2 }

redis cache { memory = 64s }

env dev { target = local {} }
`;

const ACME = `/// A site.
pub kind web_app {
    copies: Int = 1
    service server {
        run = image("web:1")
        scale = copies
    }
}
`;

const manifest = (name: string, more = ''): string =>
    `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2026"\n${more}`;

/** A server that says nothing at all ends the test. */
const LIMIT = { timeout: 120_000 };

/** Two packages in one folder, which is all that is open. */
function workspace(): string {
    const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'plat-conversation-')));
    for (const name of ['shop', 'acme']) {
        mkdirSync(path.join(dir, name));
    }
    writeFileSync(path.join(dir, 'shop/plat.toml'), manifest('shop', '[dependencies]\nacme = { path = "../acme" }\n'));
    writeFileSync(path.join(dir, 'shop/shop.plat'), SHOP);
    writeFileSync(path.join(dir, 'acme/plat.toml'), manifest('acme'));
    writeFileSync(path.join(dir, 'acme/acme.plat'), ACME);
    return dir;
}

/** Where a word stands in a text; in its middle, as a cursor does. */
function at(text: string, word: string): Position {
    const offset = text.indexOf(word);
    assert.notEqual(offset, -1, word);
    const lines = text.slice(0, offset).split('\n');
    return { line: lines.length - 1, character: (lines.at(-1)?.length ?? 0) + 1 };
}

const dir = workspace();
const uri = (file: string): string => pathToFileURL(path.join(dir, file)).toString();
const shop = { uri: uri('shop/shop.plat') };
const acme = { uri: uri('acme/acme.plat') };

const server = spawn(platc(), ['lsp'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, HOME: dir, XDG_CACHE_HOME: dir, XDG_STATE_HOME: dir },
});
const ended = new Promise<number | null>((resolve) => server.on('exit', resolve));
const connection: ProtocolConnection = createProtocolConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
);

const wrong = new Map<string, readonly Diagnostic[]>();
const watched: string[] = [];
// Until the server says that it has checked all that there is.
let busy = true;
let heard: () => void = () => undefined;

/** Waits until the server has said what is asked for. */
async function until(said: () => boolean): Promise<void> {
    while (!said()) {
        await new Promise<void>((resolve) => {
            heard = resolve;
        });
    }
}

let offered: InitializeResult;

before(async () => {
    connection.onNotification(PublishDiagnosticsNotification.type, ({ uri, diagnostics }) => {
        wrong.set(uri, diagnostics);
        heard();
    });
    connection.onNotification('plat/status', (status: { busy: boolean }) => {
        busy = status.busy;
        heard();
    });
    connection.onRequest(RegistrationRequest.type, ({ registrations }) => {
        watched.push(...registrations.map(({ method }) => method));
    });
    connection.listen();
    offered = await connection.sendRequest(InitializeRequest.type, {
        processId: process.pid,
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- the protocol wants it all the same
        rootUri: null,
        workspaceFolders: [{ uri: pathToFileURL(dir).toString(), name: 'all' }],
        initializationOptions: { status: true },
        capabilities: {
            general: { positionEncodings: ['utf-16'] },
            textDocument: { publishDiagnostics: { relatedInformation: true }, rename: { prepareSupport: true } },
            workspace: {
                workspaceEdit: { documentChanges: true },
                didChangeWatchedFiles: { dynamicRegistration: true },
            },
        },
    });
    await connection.sendNotification(InitializedNotification.type, {});
    await until(() => !busy);
}, LIMIT);

after(async () => {
    try {
        await connection.sendRequest(ShutdownRequest.type);
        await connection.sendNotification(ExitNotification.type);
        assert.equal(await ended, 0);
    } finally {
        connection.dispose();
        server.kill();
        rmSync(dir, { recursive: true });
    }
}, LIMIT);

test('what the server offers is of the protocol', LIMIT, () => {
    assert.deepEqual(offered.capabilities.textDocumentSync, {
        openClose: true,
        change: TextDocumentSyncKind.Incremental,
        save: { includeText: false },
    });
    assert.equal(offered.capabilities.positionEncoding, 'utf-16');
    assert.deepEqual(watched, ['workspace/didChangeWatchedFiles']);
});

test('every package below the folder is checked before a file of it is opened', LIMIT, async () => {
    const [mistake, ...others] = wrong.get(shop.uri) ?? [];
    assert.deepEqual(others, []);
    assert.equal(mistake?.code, 'E0301');
    const symbols = await connection.sendRequest(WorkspaceSymbolRequest.type, { query: 'web_app' });
    assert.deepEqual(
        symbols?.map(({ name, location }) => [name, location.uri]),
        [['web_app', acme.uri]],
    );
});

test('what is typed is checked, completed and explained', LIMIT, async () => {
    await connection.sendNotification(DidOpenTextDocumentNotification.type, {
        textDocument: { ...shop, languageId: 'plat', version: 1, text: SHOP },
    });
    const start = { ...at(SHOP, '64s') };
    start.character -= 1;
    const end = { line: start.line, character: start.character + '64s'.length };
    await connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { ...shop, version: 2 },
        contentChanges: [{ range: { start, end }, text: '64MiB' }],
    });
    await until(() => wrong.get(shop.uri)?.length === 0);
    const position = at(SHOP, 'copies');
    const hover = await connection.sendRequest(HoverRequest.type, { textDocument: shop, position });
    assert.ok(MarkupContent.is(hover?.contents));
    assert.match(hover.contents.value, /copies: Int/);
    const completed = await connection.sendRequest(CompletionRequest.type, { textDocument: shop, position });
    const items: CompletionItem[] = Array.isArray(completed) ? completed : (completed?.items ?? []);
    assert.equal(items[0]?.label, 'copies');
    const tokens = await connection.sendRequest(SemanticTokensRequest.type, { textDocument: shop });
    assert.equal((tokens?.data.length ?? 1) % 5, 0);
    await connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { ...shop, version: 3 },
        contentChanges: [{ text: SHOP.replace('64s', '64MiB').replace('copies', 'copeis') }],
    });
    const range = { start: position, end: position };
    const actions = await connection.sendRequest(CodeActionRequest.type, {
        textDocument: shop,
        range,
        context: { diagnostics: [] },
    });
    assert.ok(actions?.some(({ title }) => title === 'write `copies`'));
});

test('a name of a dependency is found and renamed in the package that builds on it', LIMIT, async () => {
    await connection.sendNotification(DidOpenTextDocumentNotification.type, {
        textDocument: { ...acme, languageId: 'plat', version: 1, text: ACME },
    });
    const position = at(ACME, 'web_app');
    const places = await connection.sendRequest(ReferencesRequest.type, {
        textDocument: acme,
        position,
        context: { includeDeclaration: true },
    });
    assert.deepEqual(places?.map((place) => place.uri).sort(), [acme.uri, shop.uri, shop.uri]);
    const prepared = await connection.sendRequest(PrepareRenameRequest.type, { textDocument: acme, position });
    assert.ok(prepared !== null && 'placeholder' in prepared);
    assert.equal(prepared.placeholder, 'web_app');
    const edit = await connection.sendRequest(RenameRequest.type, { textDocument: acme, position, newName: 'site' });
    const edits = (edit?.documentChanges ?? []).flatMap((change) =>
        'edits' in change ? change.edits.map((one) => [change.textDocument.uri, (one as TextEdit).newText]) : [],
    );
    assert.deepEqual(edits.sort(), [
        [acme.uri, 'site'],
        [shop.uri, 'site'],
        [shop.uri, 'site'],
    ]);
    await connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: acme });
});

test('what is cancelled is answered so, or was answered before', LIMIT, async () => {
    const source = new CancellationTokenSource();
    const asked = connection.sendRequest(
        CompletionRequest.type,
        { textDocument: shop, position: at(SHOP, 'front') },
        source.token,
    );
    source.cancel();
    try {
        await asked;
    } catch (error) {
        assert.ok(error instanceof ResponseError);
        assert.equal(error.code, LSPErrorCodes.RequestCancelled);
    }
});

test('what is closed without saving is again as the file has it', LIMIT, async () => {
    await connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: shop });
    await until(() => wrong.get(shop.uri)?.[0]?.code === 'E0301');
    assert.equal(readFileSync(path.join(dir, 'shop/shop.plat'), 'utf8'), SHOP);
});

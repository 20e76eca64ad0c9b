// The extension: starts the language server and registers what it adds to the editor.
//
// Nothing about the language is decided here. The server (`platc lsp`) answers while one types; what the
// views, the tests and the tasks show, `platc` prints as JSON.

import * as vscode from 'vscode';

import { Analysis } from './analysis';
import { Server } from './client';
import { Documents } from './documents';
import { Environments, type Line } from './environments';
import type { Place } from './formats';
import { GRAPH, GraphView } from './graph';
import { open, Packages, type Package } from './packages';
import { PLAN, PlanView } from './plan';
import { Plans } from './plans';
import { Platc } from './platc';
import { showReferences, type Location, type Position } from './references';
import { Tasks } from './tasks';
import { Tests } from './tests';
import { canRun, memberOf, type Shown, type View } from './view';

/** Called by the editor when the first `.plat` file or `plat.toml` is seen. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
    const log = vscode.window.createOutputChannel('plat', { log: true });
    const platc = new Platc(log);
    const packages = new Packages(platc, log);
    const plans = new Plans();
    const server = new Server(platc, log);
    const analysis = new Analysis(server, platc);
    const documents = new Documents(platc, analysis, packages, server);
    const environments = new Environments(packages, plans);
    const views = new Views(context, packages, server, analysis, plans);
    const add = (...disposables: vscode.Disposable[]): void => {
        context.subscriptions.push(...disposables);
    };
    const command = (name: string, run: (...args: never[]) => unknown): void => {
        add(vscode.commands.registerCommand(name, run));
    };
    const tests = new Tests(platc, packages, log);
    add(log, packages, plans, server, documents, environments, tests);
    add(
        vscode.window.createTreeView('plat.environments', { treeDataProvider: environments }),
        vscode.tasks.registerTaskProvider('plat', new Tasks(packages)),
        vscode.window.registerWebviewPanelSerializer(GRAPH, views.restoring(GRAPH)),
        vscode.window.registerWebviewPanelSerializer(PLAN, views.restoring(PLAN)),
        vscode.workspace.onDidChangeConfiguration((event) => {
            if (event.affectsConfiguration('plat.path')) {
                void server.restart();
            }
        }),
    );
    command('plat.showGraph', (line?: Line) => views.open(GRAPH, line));
    command('plat.showPlan', (line?: Line) => views.open(PLAN, line));
    command('plat.showReferences', (uri: string, at: Position, places: readonly Location[]) =>
        showReferences(uri, at, places),
    );
    // What stands above declarations calls these, with the file and the name.
    command('plat.planEnvironment', (uri: string, environment: string) => views.plan(uri, environment));
    command('plat.runTest', (uri: string, name: string) => tests.runOne(vscode.Uri.parse(uri), name));
    command('plat.why', async (uri: string, declaration: string) => {
        const chosen = await choose(packages, undefined, vscode.Uri.parse(uri));
        if (chosen !== undefined) {
            await documents.why(chosen.pkg.root, chosen.environment, declaration);
        }
    });
    command('plat.open', (root: vscode.Uri, place: Place) => open(root, place));
    command('plat.refresh', () => packages.refresh());
    command('plat.restartServer', () => server.restart());
    command('plat.showLog', () => {
        log.show();
    });
    command('plat.showManifests', async (line?: Line) => {
        const chosen = await choose(packages, line);
        if (chosen !== undefined) {
            await documents.render(chosen.pkg.root, chosen.environment);
        }
    });
    command('plat.showBecomes', async () => {
        const editor = vscode.window.activeTextEditor;
        if (editor?.document.languageId === 'plat') {
            await documents.becomes(editor.document.uri, editor.selection.active);
        }
    });
    command('plat.explain', async (code?: string) => {
        const pkg = packages.current();
        const said = code ?? (await askForCode());
        if (pkg !== undefined && said !== undefined) {
            await documents.explain(pkg.root, said);
        }
    });
    void packages.refresh();
    await server.start();
}

/** The views that are open: at most one of each type. */
class Views {
    private readonly opened = new Map<string, View<unknown>>();

    constructor(
        private readonly context: vscode.ExtensionContext,
        private readonly packages: Packages,
        private readonly server: Server,
        private readonly analysis: Analysis,
        private readonly plans: Plans,
    ) {}

    /** Opens a view beside the code, or shows another environment in the one that is open. */
    async open(type: string, line?: Line): Promise<void> {
        const chosen = await choose(this.packages, line);
        if (chosen !== undefined) {
            this.show(type, chosen.pkg.root, chosen.environment);
        }
    }

    /** Shows the plan of an environment of the package that a file belongs to. */
    async plan(uri: string, environment: string): Promise<void> {
        const file = vscode.Uri.parse(uri);
        if (this.packages.of(file) === undefined) {
            await this.packages.refresh();
        }
        const pkg = this.packages.of(file);
        const env = pkg?.environments.find(({ name }) => name === environment);
        if (pkg !== undefined && env !== undefined && canRun(env)) {
            const member = await memberOf(env);
            if (member !== undefined) {
                this.show(PLAN, pkg.root, member);
            }
            return;
        }
        // Not saved yet, or without a target: of those that there are, one is chosen.
        await this.open(PLAN);
    }

    private show(type: string, root: vscode.Uri, environment: string): void {
        const view = this.opened.get(type);
        if (view !== undefined) {
            view.show(root, environment);
            return;
        }
        const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: false };
        const panel = vscode.window.createWebviewPanel(type, '', column, { retainContextWhenHidden: true });
        this.keep(type, panel, root, environment);
    }

    /** Brings a view back that was open when the editor was closed. */
    restoring(type: string): vscode.WebviewPanelSerializer<Shown> {
        return {
            deserializeWebviewPanel: (panel, shown) => {
                this.keep(type, panel, vscode.Uri.parse(shown.root), shown.environment);
                return Promise.resolve();
            },
        };
    }

    private keep(type: string, panel: vscode.WebviewPanel, root: vscode.Uri, environment: string): void {
        const { packages, server, analysis, plans, context } = this;
        const view =
            type === GRAPH
                ? new GraphView(panel, packages, server, analysis, root, environment, context)
                : new PlanView(panel, packages, server, analysis, plans, root, environment, context);
        this.opened.set(type, view);
        panel.onDidDispose(() => {
            this.opened.delete(type);
        });
    }
}

/**
 * The environment that a command is for: of the line it was called on, else the only one of the package that
 * `about` belongs to, else asked.
 */
async function choose(
    packages: Packages,
    line: Line | undefined,
    about?: vscode.Uri,
): Promise<{ pkg: Package; environment: string } | undefined> {
    if (line?.type === 'environment') {
        const environment = await memberOf(line.env);
        return environment === undefined ? undefined : { pkg: line.pkg, environment };
    }
    if (packages.all().length === 0) {
        await packages.refresh();
    }
    const pkg = about === undefined ? packages.current() : packages.of(about);
    if (pkg === undefined) {
        void vscode.window.showInformationMessage('plat: there is no plat.toml in this workspace.');
        return undefined;
    }
    const names = pkg.environments.filter(canRun);
    const [only] = names;
    if (only === undefined) {
        void vscode.window.showInformationMessage(
            `plat: ${pkg.name} has no environment with a target: write \`env dev { target = local {} }\`.`,
        );
        return undefined;
    }
    let env: typeof only | undefined = only;
    if (names.length > 1) {
        const items = names.map((env) => ({
            label: env.keys.length === 0 ? env.name : `${env.name}[…]`,
            description: env.target ?? '',
            env,
        }));
        env = (await vscode.window.showQuickPick(items, { title: 'Which environment?' }))?.env;
    }
    const environment = env === undefined ? undefined : await memberOf(env);
    return environment === undefined ? undefined : { pkg, environment };
}

/** The code of the diagnostic at the cursor, else one that is typed. */
async function askForCode(): Promise<string | undefined> {
    const editor = vscode.window.activeTextEditor;
    if (editor !== undefined) {
        const here = vscode.languages
            .getDiagnostics(editor.document.uri)
            .find((diagnostic) => diagnostic.range.contains(editor.selection.active));
        const code = typeof here?.code === 'object' ? here.code.value : here?.code;
        if (code !== undefined) {
            return String(code);
        }
    }
    return vscode.window.showInputBox({ title: 'Which diagnostic?', placeHolder: 'E0301' });
}

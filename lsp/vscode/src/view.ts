// A view of ours beside the code: a webview that shows one package in one environment.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

import type { Server } from './client';
import type { Against, FromView, Head } from './messages';
import { open, type Package, type Packages } from './packages';

/** What a view remembers over a restart of the editor. */
export interface Shown {
    /** The package's root. */
    readonly root: string;
    readonly environment: string;
}

/** One webview. What it shows, those that extend it say. */
export abstract class View<Message> {
    private readonly disposables: vscode.Disposable[] = [];
    private asking: vscode.CancellationTokenSource | undefined;
    private ready = false;
    private unsent: Message | undefined;

    protected constructor(
        protected readonly panel: vscode.WebviewPanel,
        protected readonly packages: Packages,
        server: Server,
        protected root: vscode.Uri,
        protected environment: string,
        context: vscode.ExtensionContext,
        script: string,
        title: string,
    ) {
        panel.iconPath = vscode.Uri.joinPath(context.extensionUri, 'images', 'view.svg');
        this.disposables.push(
            panel.onDidDispose(() => {
                this.asking?.cancel();
                vscode.Disposable.from(...this.disposables).dispose();
            }),
            panel.webview.onDidReceiveMessage((message: FromView) => {
                void this.heard(message);
            }),
            packages.onDidChange(() => {
                this.followIf('saved');
            }),
            server.onDidSettle(() => {
                this.followIf('typed');
            }),
        );
        const base = vscode.Uri.joinPath(context.extensionUri, 'out', 'webview');
        panel.webview.options = { enableScripts: true, localResourceRoots: [base] };
        panel.webview.html = page(panel.webview, base, script, title, { root: root.toString(), environment });
    }

    /** What it shows. */
    get shown(): Shown {
        return { root: this.root.toString(), environment: this.environment };
    }

    /** Shows another package or environment. */
    show(root: vscode.Uri, environment: string): void {
        this.root = root;
        this.environment = environment;
        this.panel.reveal(undefined, true);
        void this.refresh();
    }

    /** Asks for what it shows, and shows it. What was asked before is given up. */
    async refresh(): Promise<void> {
        this.asking?.cancel();
        const asking = new vscode.CancellationTokenSource();
        this.asking = asking;
        const said = await this.content(asking.token);
        if (said !== undefined && !asking.token.isCancellationRequested) {
            this.send(said);
        }
    }

    /** What is shown now; nothing where it was given up. */
    protected abstract content(token: vscode.CancellationToken): Promise<Message | undefined>;

    /** Whether what is shown changes when something is typed, or saved. */
    protected abstract follows(what: 'typed' | 'saved'): boolean;

    /** With what a plan is to be compared: said by the plan view alone. */
    protected compare?(against: Against): void;

    /** The package that is shown. */
    protected package(): Package | undefined {
        return this.packages.all().find((pkg) => pkg.root.toString() === this.root.toString());
    }

    /** What stands above the content. */
    protected head(): Head {
        const pkg = this.package();
        const environments = (pkg?.environments ?? []).filter(isConcrete).map((env) => env.name);
        return {
            package: pkg?.name ?? '',
            // A member of a family is there once it has been asked for.
            environments: environments.includes(this.environment)
                ? environments
                : [...environments, this.environment],
            environment: this.environment,
        };
    }

    /** Says something to the webview, as soon as it listens. */
    protected send(message: Message): void {
        if (this.ready) {
            void this.panel.webview.postMessage(message);
        } else {
            this.unsent = message;
        }
    }

    private followIf(what: 'typed' | 'saved'): void {
        if (this.follows(what)) {
            void this.refresh();
        }
    }

    private async heard(message: FromView): Promise<void> {
        switch (message.type) {
            case 'ready':
                this.ready = true;
                if (this.unsent !== undefined) {
                    void this.panel.webview.postMessage(this.unsent);
                    this.unsent = undefined;
                }
                break;
            case 'open':
                await open(this.root, message.place);
                break;
            case 'environment':
                this.environment = message.name;
                await this.refresh();
                break;
            case 'refresh':
                await this.refresh();
                break;
            case 'against':
                this.compare?.(message.against);
                break;
        }
    }
}

/** An environment, as far as it is told here. */
interface Env {
    readonly name: string;
    readonly target: string | null;
    readonly keys: readonly string[];
}

/** Whether an environment is one that something can run in: neither a base for others nor a family. */
export function isConcrete(env: Env): boolean {
    return env.target !== null && env.keys.length === 0;
}

/** Whether something can run in an environment, or in a member of it. */
export function canRun(env: Env): boolean {
    return env.target !== null || env.keys.length > 0;
}

/** The environment's name; of a family, that of the member that is asked for. */
export async function memberOf(env: Env): Promise<string | undefined> {
    const said: string[] = [];
    for (const key of env.keys) {
        const value = await vscode.window.showInputBox({
            title: `Which ${env.name}?`,
            prompt: `${env.name} is a family: its members are told apart by \`${key}\``,
            placeHolder: key,
        });
        if (value === undefined || value.trim() === '') {
            return undefined;
        }
        said.push(value.trim());
    }
    return said.length === 0 ? env.name : `${env.name}[${said.join(', ')}]`;
}

function page(webview: vscode.Webview, base: vscode.Uri, script: string, title: string, shown: Shown): string {
    const nonce = randomBytes(16).toString('base64');
    const uri = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(base, file)).toString();
    const policy = [
        `default-src 'none'`,
        `style-src ${webview.cspSource}`,
        `script-src 'nonce-${nonce}'`,
    ].join('; ');
    const state = JSON.stringify(shown).replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="${uri(`${script}.css`)}">
</head>
<body data-shown="${state}">
<main id="view"></main>
<script nonce="${nonce}" src="${uri(`${script}.js`)}"></script>
</body>
</html>`;
}

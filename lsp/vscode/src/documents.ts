// Texts of `platc` that are read in an editor: explanations of diagnostics, and manifests.

import * as vscode from 'vscode';

import type { Analysis } from './analysis';
import type { Server } from './client';
import type { Packages } from './packages';
import type { Platc } from './platc';

/** The scheme of texts that are made from a program: `plat-text:/explain/E0301.md?…`. */
export const SCHEME = 'plat-text';

/** How a text is made: by a command of `platc`, or of the declaration at a place. */
type Made =
    | { readonly root: string; readonly words: readonly string[] }
    | { readonly uri: string; readonly line: number; readonly character: number };

/** Gives the texts, and anew when the program changes. */
export class Documents implements vscode.TextDocumentContentProvider, vscode.Disposable {
    private readonly changed = new vscode.EventEmitter<vscode.Uri>();
    private readonly disposables: vscode.Disposable[];

    readonly onDidChange = this.changed.event;

    constructor(
        private readonly platc: Platc,
        private readonly analysis: Analysis,
        packages: Packages,
        server: Server,
    ) {
        const again = (): void => {
            for (const document of vscode.workspace.textDocuments) {
                if (document.uri.scheme === SCHEME) {
                    this.changed.fire(document.uri);
                }
            }
        };
        this.disposables = [
            this.changed,
            vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
            packages.onDidChange(again),
            server.onDidSettle(again),
        ];
    }

    dispose(): void {
        vscode.Disposable.from(...this.disposables).dispose();
    }

    /** Shows what an environment's target would be given. */
    async render(root: vscode.Uri, environment: string): Promise<void> {
        await show(`render/${environment}.yaml`, { root: root.fsPath, words: ['render', environment] });
    }

    /** Shows where the values of a declaration come from, in an environment. */
    async why(root: vscode.Uri, environment: string, declaration: string): Promise<void> {
        await show(`why/${declaration}.txt`, { root: root.fsPath, words: ['why', environment, declaration] });
    }

    /** Shows what a diagnostic means. */
    async explain(root: vscode.Uri, code: string): Promise<void> {
        await show(`explain/${code}.md`, { root: root.fsPath, words: ['explain', code] });
    }

    /** Shows what the declaration at a place becomes on its target, and goes on showing it. */
    async becomes(uri: vscode.Uri, position: vscode.Position): Promise<void> {
        const answer = await this.analysis.becomes(uri, position);
        if (answer == null) {
            void vscode.window.showInformationMessage(
                'plat: put the cursor into a declaration, in an app with an environment that has manifests.',
            );
            return;
        }
        const { line, character } = position;
        await show(`${answer.environment}/${answer.declaration}.yaml`, { uri: uri.toString(), line, character });
    }

    async provideTextDocumentContent(asked: vscode.Uri, token: vscode.CancellationToken): Promise<string> {
        const made = JSON.parse(asked.query) as Made;
        if ('uri' in made) {
            const position = new vscode.Position(made.line, made.character);
            const answer = await this.analysis.becomes(vscode.Uri.parse(made.uri), position, token);
            return answer?.text ?? '# There is no declaration here any more.\n';
        }
        const ran = await this.platc.run([...made.words, '--color', 'never'], made.root, token);
        return ran.code === 0 ? ran.out : ran.err.trimEnd().replaceAll(/^/gm, '# ');
    }
}

async function show(path: string, made: Made): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${path}`, query: JSON.stringify(made) });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}

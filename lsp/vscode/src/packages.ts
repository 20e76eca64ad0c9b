// The packages of the workspace: directories with a `plat.toml`.

import * as path from 'node:path';
import * as vscode from 'vscode';

import type { CheckReport, Environment, Place } from './formats';
import { Missing, type Platc } from './platc';

/** A package, and what its last check said. */
export interface Package {
    readonly root: vscode.Uri;
    readonly name: string;
    environments: readonly Environment[];
    errors: number;
}

/** Waits so long after a change of a file: saving many at once is one change. */
const SETTLES_MS = 200;

/** Keeps the packages of the workspace, and asks about them anew when a file of theirs changes. */
export class Packages implements vscode.Disposable {
    private readonly changed = new vscode.EventEmitter<void>();
    private readonly disposables: vscode.Disposable[] = [this.changed];
    private packages: Package[] = [];
    private timer: NodeJS.Timeout | undefined;
    private running: Promise<void> | undefined;
    private again = false;

    /** The packages, their environments or their files have changed. */
    readonly onDidChange = this.changed.event;

    constructor(
        private readonly platc: Platc,
        private readonly log: vscode.LogOutputChannel,
    ) {
        const soon = (): void => {
            this.soon();
        };
        const watcher = vscode.workspace.createFileSystemWatcher('**/*.{plat,toml,lock}');
        this.disposables.push(
            watcher,
            watcher.onDidChange(soon),
            watcher.onDidCreate(soon),
            watcher.onDidDelete(soon),
            // Where files are not watched, what is saved here is seen all the same.
            vscode.workspace.onDidSaveTextDocument((document) => {
                if (document.languageId === 'plat' || document.fileName.endsWith('plat.toml')) {
                    soon();
                }
            }),
            vscode.workspace.onDidChangeWorkspaceFolders(soon),
            vscode.workspace.onDidChangeConfiguration((event) => {
                if (event.affectsConfiguration('plat.path')) {
                    soon();
                }
            }),
        );
    }

    dispose(): void {
        clearTimeout(this.timer);
        vscode.Disposable.from(...this.disposables).dispose();
    }

    /** All of them, by their paths. */
    all(): readonly Package[] {
        return this.packages;
    }

    /** The package that a file belongs to: the nearest above it. */
    of(uri: vscode.Uri): Package | undefined {
        const inside = this.packages.filter((pkg) => {
            const relative = path.relative(pkg.root.fsPath, uri.fsPath);
            return !relative.startsWith('..') && !path.isAbsolute(relative);
        });
        return inside.sort((a, b) => b.root.fsPath.length - a.root.fsPath.length)[0];
    }

    /** The one that is being worked on: of the open file, else the only one, else the first. */
    current(): Package | undefined {
        const open = vscode.window.activeTextEditor?.document.uri;
        return (open === undefined ? undefined : this.of(open)) ?? this.packages[0];
    }

    /** Asks anew, once what changes has settled. */
    soon(): void {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            void this.refresh();
        }, SETTLES_MS);
    }

    /** Looks for packages, and asks each for its environments. */
    async refresh(): Promise<void> {
        if (this.running !== undefined) {
            this.again = true;
            await this.running;
            return;
        }
        do {
            this.again = false;
            this.running = this.look();
            await this.running;
        } while (this.again as boolean);
        this.running = undefined;
    }

    private async look(): Promise<void> {
        const manifests = await vscode.workspace.findFiles('**/plat.toml', '**/{node_modules,target,.git}/**');
        const roots = manifests.map((uri) => vscode.Uri.joinPath(uri, '..'));
        roots.sort((a, b) => (a.fsPath < b.fsPath ? -1 : 1));
        const found: Package[] = [];
        let missing = false;
        for (const root of roots) {
            const known = this.packages.find((pkg) => pkg.root.fsPath === root.fsPath);
            const pkg: Package = known ?? { root, name: path.basename(root.fsPath), environments: [], errors: 0 };
            try {
                const report = await this.platc.json<CheckReport>(['check', '--json'], root.fsPath);
                pkg.errors = report.errors;
                pkg.environments = report.environments ?? pkg.environments;
            } catch (error) {
                missing ||= error instanceof Missing;
                this.log.warn(`checking ${root.fsPath}: ${error instanceof Error ? error.message : String(error)}`);
            }
            found.push(pkg);
        }
        this.packages = found;
        await vscode.commands.executeCommand('setContext', 'plat.missing', missing);
        await vscode.commands.executeCommand('setContext', 'plat.hasPackage', found.length > 0);
        this.changed.fire();
    }
}

/**
 * The address of a file as `platc` names it: relative to its package. Those of other packages
 * (`std:workloads.plat`) have none here.
 */
export function uriOf(root: vscode.Uri, file: string): vscode.Uri | undefined {
    return file.includes(':') ? undefined : vscode.Uri.joinPath(root, file);
}

/** Which position a line and a column from 1, counted in characters, are in a text. */
export function positionIn(document: vscode.TextDocument, line: number, column = 1): vscode.Position {
    const at = Math.min(Math.max(line - 1, 0), document.lineCount - 1);
    const text = document.lineAt(at).text;
    const before = Array.from(text).slice(0, Math.max(column - 1, 0)).join('');
    return new vscode.Position(at, before.length);
}

/** Opens the editor at a place, beside what is open, if that is a view of ours. */
export async function open(root: vscode.Uri, place: Place, preserveFocus = false): Promise<void> {
    const uri = place.uri === undefined ? uriOf(root, place.file) : vscode.Uri.parse(place.uri);
    if (uri === undefined) {
        void vscode.window.showInformationMessage(`${place.file}:${String(place.line)} is part of another package.`);
        return;
    }
    const document = await vscode.workspace.openTextDocument(uri);
    // The server counts as the editor does.
    const at =
        place.uri === undefined
            ? positionIn(document, place.line, place.column)
            : new vscode.Position(place.line - 1, (place.column ?? 1) - 1);
    const inCode = vscode.window.visibleTextEditors.find((editor) => editor.viewColumn !== undefined)?.viewColumn;
    await vscode.window.showTextDocument(document, {
        viewColumn: inCode ?? vscode.ViewColumn.One,
        selection: new vscode.Range(at, at),
        preserveFocus,
    });
}

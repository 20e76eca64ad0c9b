// The graph view: the declarations of an app, and who reaches whom.

import * as vscode from 'vscode';

import type { Analysis } from './analysis';
import type { Server } from './client';
import type { ToGraph } from './messages';
import type { Packages } from './packages';
import { View } from './view';

/** The webview's type. */
export const GRAPH = 'plat.graph';

/** One graph view. */
export class GraphView extends View<ToGraph> {
    constructor(
        panel: vscode.WebviewPanel,
        packages: Packages,
        server: Server,
        private readonly analysis: Analysis,
        root: vscode.Uri,
        environment: string,
        context: vscode.ExtensionContext,
    ) {
        super(panel, packages, server, root, environment, context, 'graph', 'Graph');
        void this.refresh();
    }

    protected override async content(token: vscode.CancellationToken): Promise<ToGraph | undefined> {
        this.panel.title = `Graph: ${this.environment}`;
        try {
            const drawing = await this.analysis.graph(this.root, this.environment, token);
            return { type: 'graph', head: this.head(), drawing };
        } catch (error) {
            if (error instanceof vscode.CancellationError) {
                return undefined;
            }
            return { type: 'trouble', head: this.head(), text: error instanceof Error ? error.message : String(error) };
        }
    }

    protected override follows(): boolean {
        return true;
    }
}

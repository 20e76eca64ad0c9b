// The plan view: what would change, since the last commit, since the last apply, or against what runs.

import * as vscode from 'vscode';

import type { Analysis } from './analysis';
import type { Server } from './client';
import type { Against, ToPlan } from './messages';
import type { Packages } from './packages';
import type { Plans } from './plans';
import { View } from './view';

/** The webview's type. */
export const PLAN = 'plat.plan';

/** One plan view. */
export class PlanView extends View<ToPlan> {
    /** What is there at once, as one types, and asks no target. */
    private against: Against = 'record';

    constructor(
        panel: vscode.WebviewPanel,
        packages: Packages,
        server: Server,
        private readonly analysis: Analysis,
        private readonly plans: Plans,
        root: vscode.Uri,
        environment: string,
        context: vscode.ExtensionContext,
    ) {
        super(panel, packages, server, root, environment, context, 'plan', 'Plan');
        void this.refresh();
    }

    protected override async content(token: vscode.CancellationToken): Promise<ToPlan | undefined> {
        const { against, environment } = this;
        this.panel.title = `Plan: ${environment}`;
        if (against === 'target') {
            this.send({ type: 'busy', head: this.head(), against });
        }
        try {
            const { plan, remark } = await this.analysis.plan(this.root, environment, against, token);
            this.plans.keep(this.root, environment, plan);
            return { type: 'plan', head: this.head(), against, plan, remark };
        } catch (error) {
            if (error instanceof vscode.CancellationError) {
                return undefined;
            }
            const text = error instanceof Error ? error.message : String(error);
            return { type: 'trouble', head: this.head(), against, text };
        }
    }

    protected override follows(what: 'typed' | 'saved'): boolean {
        switch (this.against) {
            case 'commit':
                return what === 'saved';
            case 'record':
                return what === 'typed';
            case 'target':
                // It may be far away: it is asked only when the user says so.
                return false;
        }
    }

    protected override compare(against: Against): void {
        this.against = against;
        void this.refresh();
    }
}

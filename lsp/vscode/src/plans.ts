// The last plan of each environment, for the side view.

import * as vscode from 'vscode';

import type { Plan } from './formats';

/** Keeps the last plan of each environment of each package, as long as the editor runs. */
export class Plans implements vscode.Disposable {
    private readonly changed = new vscode.EventEmitter<void>();
    private readonly plans = new Map<string, Plan>();

    /** A plan has been made. */
    readonly onDidChange = this.changed.event;

    /** Keeps a plan instead of the last one. */
    keep(root: vscode.Uri, environment: string, plan: Plan): void {
        this.plans.set(`${root.toString()} ${environment}`, plan);
        this.changed.fire();
    }

    /** The last plan. */
    last(root: vscode.Uri, environment: string): Plan | undefined {
        return this.plans.get(`${root.toString()} ${environment}`);
    }

    dispose(): void {
        this.changed.dispose();
    }
}

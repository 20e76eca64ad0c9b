// The side view: packages, their environments, and what the last plan of each would change.

import * as vscode from 'vscode';

import type { Change, Environment, Place } from './formats';
import { SIGNS, WORDS, summary, title } from './model/plan';
import type { Package, Packages } from './packages';
import type { Plans } from './plans';
import { canRun } from './view';

/** A line of the side view. */
export type Line =
    | { readonly type: 'package'; readonly pkg: Package }
    | { readonly type: 'environment'; readonly pkg: Package; readonly env: Environment }
    | { readonly type: 'change'; readonly pkg: Package; readonly change: Change };

const ICONS: Readonly<Record<Change['what'], readonly [string, string]>> = {
    create: ['diff-added', 'gitDecoration.addedResourceForeground'],
    change: ['diff-modified', 'gitDecoration.modifiedResourceForeground'],
    replace: ['replace', 'gitDecoration.modifiedResourceForeground'],
    destroy: ['diff-removed', 'gitDecoration.deletedResourceForeground'],
    heal: ['sync', 'gitDecoration.modifiedResourceForeground'],
    move: ['diff-renamed', 'gitDecoration.renamedResourceForeground'],
};

/** The lines of the side view. */
export class Environments implements vscode.TreeDataProvider<Line>, vscode.Disposable {
    private readonly changed = new vscode.EventEmitter<void>();
    private readonly disposables: vscode.Disposable[] = [this.changed];

    readonly onDidChangeTreeData = this.changed.event;

    constructor(
        private readonly packages: Packages,
        private readonly plans: Plans,
    ) {
        const fire = (): void => {
            this.changed.fire();
        };
        this.disposables.push(packages.onDidChange(fire), plans.onDidChange(fire));
    }

    dispose(): void {
        vscode.Disposable.from(...this.disposables).dispose();
    }

    getChildren(line?: Line): Line[] {
        if (line === undefined) {
            const apps = this.packages.all().filter((pkg) => pkg.environments.length > 0);
            const [only] = apps;
            return apps.length === 1 && only !== undefined
                ? environmentsOf(only)
                : apps.map((pkg) => ({ type: 'package', pkg }));
        }
        switch (line.type) {
            case 'package':
                return environmentsOf(line.pkg);
            case 'environment': {
                const plan = this.plans.last(line.pkg.root, line.env.name);
                return (plan?.changes ?? []).map((change) => ({ type: 'change', pkg: line.pkg, change }));
            }
            case 'change':
                return [];
        }
    }

    getTreeItem(line: Line): vscode.TreeItem {
        switch (line.type) {
            case 'package':
                return this.packageItem(line.pkg);
            case 'environment':
                return this.environmentItem(line.pkg, line.env);
            case 'change':
                return changeItem(line.pkg, line.change);
        }
    }

    private packageItem(pkg: Package): vscode.TreeItem {
        const item = new vscode.TreeItem(pkg.name, vscode.TreeItemCollapsibleState.Expanded);
        item.id = pkg.root.toString();
        item.resourceUri = pkg.root;
        item.iconPath = vscode.ThemeIcon.Folder;
        return item;
    }

    private environmentItem(pkg: Package, env: Environment): vscode.TreeItem {
        const plan = this.plans.last(pkg.root, env.name);
        const state =
            plan === undefined || plan.changes.length === 0
                ? vscode.TreeItemCollapsibleState.None
                : vscode.TreeItemCollapsibleState.Expanded;
        const keys = env.keys.length === 0 ? '' : `[${env.keys.join(', ')}]`;
        const item = new vscode.TreeItem(`${env.name}${keys}`, state);
        item.id = `${pkg.root.toString()} ${env.name}`;
        const target = env.target ?? 'a base for others';
        item.description = plan === undefined ? target : `${target} · ${summary(plan)}`;
        item.tooltip = [env.doc ?? '', against(plan?.compares ?? undefined, plan !== undefined)]
            .filter((text) => text !== '')
            .join('\n\n');
        item.iconPath = new vscode.ThemeIcon(env.target === 'local' ? 'vm' : env.target === null ? 'layers' : 'cloud');
        item.contextValue = canRun(env) ? 'environment' : 'base';
        item.command = opening(pkg, env.place);
        return item;
    }
}

function environmentsOf(pkg: Package): Line[] {
    return pkg.environments.map((env) => ({ type: 'environment', pkg, env }));
}

function against(compared: { from: string; to: string } | undefined, planned: boolean): string {
    if (!planned) {
        return '';
    }
    return compared === undefined
        ? 'The last plan, against what runs.'
        : `The last plan: ${compared.from} → ${compared.to}.`;
}

function changeItem(pkg: Package, change: Change): vscode.TreeItem {
    const item = new vscode.TreeItem(title(change));
    item.description = WORDS[change.what];
    item.accessibilityInformation = { label: `${title(change)} ${WORDS[change.what]}` };
    const [icon, color] = ICONS[change.what];
    item.iconPath = new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
    const fields = change.fields.map((field) => `${field.field}: ${field.old ?? 'none'} → ${field.new ?? 'none'}`);
    item.tooltip = [`${SIGNS[change.what]} ${title(change)} ${WORDS[change.what]}`, ...fields].join('\n');
    if (change.place !== null) {
        item.command = opening(pkg, change.place);
    }
    return item;
}

function opening(pkg: Package, place: Place): vscode.Command {
    return { command: 'plat.open', title: 'Open', arguments: [pkg.root, place] };
}

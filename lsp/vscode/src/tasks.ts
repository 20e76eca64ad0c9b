// Tasks for `platc`: `check`, `test` and `plan` of each package, and whatever a `tasks.json` names.

import * as vscode from 'vscode';

import type { Package, Packages } from './packages';
import { platcPath } from './platc';

/** What a task of ours says in `tasks.json`. */
interface Definition extends vscode.TaskDefinition {
    readonly command: string;
    readonly args?: readonly string[];
    /** Where the package is, relative to the workspace folder. */
    readonly dir?: string;
}

/** Offers the tasks of every package. */
export class Tasks implements vscode.TaskProvider {
    constructor(private readonly packages: Packages) {}

    provideTasks(): vscode.Task[] {
        return this.packages.all().flatMap((pkg) => {
            const several = this.packages.all().length > 1;
            const of = several ? ` (${pkg.name})` : '';
            const planned = pkg.environments
                .filter((env) => env.target !== null && env.keys.length === 0)
                .map((env) => task(pkg, ['plan', env.name], `plan ${env.name}${of}`));
            return [task(pkg, ['check'], `check${of}`), task(pkg, ['test'], `test${of}`), ...planned];
        });
    }

    resolveTask(asked: vscode.Task): vscode.Task | undefined {
        const definition = asked.definition as Definition;
        const folder =
            typeof asked.scope === 'object' ? asked.scope : vscode.workspace.workspaceFolders?.[0];
        if (folder === undefined) {
            return undefined;
        }
        const dir = definition.dir === undefined ? folder.uri : vscode.Uri.joinPath(folder.uri, definition.dir);
        const args = [definition.command, ...(definition.args ?? [])];
        return made(definition, folder, asked.name, args, dir);
    }
}

function task(pkg: Package, words: readonly string[], name: string): vscode.Task {
    const folder = vscode.workspace.getWorkspaceFolder(pkg.root);
    const [command = '', ...args] = words;
    const dir = vscode.workspace.asRelativePath(pkg.root, false);
    const definition: Definition = {
        type: 'plat',
        command,
        ...(args.length === 0 ? {} : { args }),
        ...(dir === pkg.root.fsPath ? {} : { dir }),
    };
    return made(definition, folder ?? vscode.TaskScope.Workspace, name, words, pkg.root);
}

function made(
    definition: Definition,
    scope: vscode.WorkspaceFolder | vscode.TaskScope.Workspace,
    name: string,
    words: readonly string[],
    dir: vscode.Uri,
): vscode.Task {
    const execution = new vscode.ProcessExecution(platcPath(), [...words], { cwd: dir.fsPath });
    const task = new vscode.Task(definition, scope, name, 'platc', execution, ['$platc']);
    if (definition.command === 'check') {
        task.group = vscode.TaskGroup.Build;
    } else if (definition.command === 'test') {
        task.group = vscode.TaskGroup.Test;
    }
    return task;
}

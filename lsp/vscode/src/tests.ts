// The test explorer: `test` blocks, and policies in each environment, through `platc test --json`.

import * as vscode from 'vscode';

import { FORMAT, type Diagnostic, type TestReport } from './formats';
import { positionIn, uriOf, type Package, type Packages } from './packages';
import type { Platc } from './platc';

/** Keeps the tests of all packages in the test explorer, and runs them. */
export class Tests implements vscode.Disposable {
    private readonly controller = vscode.tests.createTestController('plat', 'plat');
    private readonly disposables: vscode.Disposable[] = [this.controller];

    constructor(
        private readonly platc: Platc,
        private readonly packages: Packages,
        private readonly log: vscode.LogOutputChannel,
    ) {
        this.controller.createRunProfile(
            'Run',
            vscode.TestRunProfileKind.Run,
            (request, token) => this.run(request, token),
            true,
        );
        this.controller.refreshHandler = () => this.discover();
        this.disposables.push(packages.onDidChange(() => this.discover()));
    }

    dispose(): void {
        vscode.Disposable.from(...this.disposables).dispose();
    }

    /** Lists the tests. Running them is how they are found: they ask no target and take milliseconds. */
    private async discover(): Promise<void> {
        const roots = new Set<string>();
        for (const pkg of this.packages.all()) {
            try {
                const report = await this.ask(pkg);
                if (report.tests.length + report.policies.length > 0) {
                    roots.add(pkg.root.toString());
                    this.list(pkg, report);
                }
            } catch (error) {
                // A program with errors keeps the tests that it had: its errors are shown elsewhere.
                roots.add(pkg.root.toString());
                this.log.debug(`listing the tests of ${pkg.root.fsPath}: ${String(error)}`);
            }
        }
        this.controller.items.forEach((item) => {
            if (!roots.has(item.id)) {
                this.controller.items.delete(item.id);
            }
        });
    }

    private async ask(pkg: Package, names: readonly string[] = [], token?: vscode.CancellationToken): Promise<TestReport> {
        const report = await this.platc.json<TestReport>(['test', ...names, '--json'], pkg.root.fsPath, token);
        if (report.format !== FORMAT) {
            throw new Error(`platc writes format ${String(report.format)}; this extension reads ${String(FORMAT)}`);
        }
        return report;
    }

    private list(pkg: Package, report: TestReport): void {
        const root = this.controller.createTestItem(pkg.root.toString(), pkg.name, pkg.root);
        for (const test of report.tests) {
            const item = this.item(pkg, `test ${test.name}`, test.name, test.place.file, test.place.line);
            item.description = test.doc?.split('\n')[0] ?? '';
            root.children.add(item);
        }
        for (const policy of report.policies) {
            const id = `policy ${policy.name}`;
            const known = root.children.get(`${pkg.root.toString()} ${id}`);
            const of = known ?? this.item(pkg, id, policy.name, policy.place.file, policy.place.line);
            of.description = 'policy';
            of.children.add(
                this.item(pkg, `${id} ${policy.environment}`, policy.environment, policy.place.file, policy.place.line),
            );
            root.children.add(of);
        }
        this.controller.items.add(root);
    }

    private item(pkg: Package, id: string, label: string, file: string, line: number): vscode.TestItem {
        const uri = uriOf(pkg.root, file);
        const item = this.controller.createTestItem(`${pkg.root.toString()} ${id}`, label, uri);
        if (uri !== undefined) {
            item.range = new vscode.Range(line - 1, 0, line - 1, 0);
        }
        return item;
    }

    /** Runs one test of the package that a file belongs to, as it is written now. */
    async runOne(file: vscode.Uri, name: string): Promise<void> {
        const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file.toString());
        // `platc` reads what is saved.
        await document?.save();
        const pkg = this.packages.of(file);
        if (pkg === undefined) {
            return;
        }
        const find = (): vscode.TestItem | undefined => {
            const root = pkg.root.toString();
            return this.controller.items.get(root)?.children.get(`${root} test ${name}`);
        };
        if (find() === undefined) {
            await this.discover();
        }
        const item = find();
        if (item === undefined) {
            void vscode.window.showWarningMessage(
                `plat: the test ${name} can't be run while the program has errors.`,
            );
            return;
        }
        const source = new vscode.CancellationTokenSource();
        try {
            await this.run(new vscode.TestRunRequest([item]), source.token);
        } finally {
            source.dispose();
        }
    }

    private async run(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
        const run = this.controller.createTestRun(request);
        for (const pkg of this.packages.all()) {
            const root = this.controller.items.get(pkg.root.toString());
            if (root !== undefined) {
                await this.runPackage(pkg, root, request, run, token);
            }
        }
        run.end();
    }

    private async runPackage(
        pkg: Package,
        root: vscode.TestItem,
        request: vscode.TestRunRequest,
        run: vscode.TestRun,
        token: vscode.CancellationToken,
    ): Promise<void> {
        const wanted = leaves(root, request);
        if (wanted.size === 0) {
            return;
        }
        wanted.forEach((item) => {
            run.started(item);
        });
        const started = performance.now();
        let report: TestReport;
        try {
            report = await this.ask(pkg, [], token);
        } catch (error) {
            const message = new vscode.TestMessage(error instanceof Error ? error.message : String(error));
            wanted.forEach((item) => {
                if (token.isCancellationRequested) {
                    run.skipped(item);
                } else {
                    run.errored(item, message);
                }
            });
            return;
        }
        const took = performance.now() - started;
        const told = [
            ...report.tests.map((test) => ({ id: `test ${test.name}`, ...test })),
            ...report.policies.map((policy) => ({ id: `policy ${policy.name} ${policy.environment}`, ...policy })),
        ];
        for (const one of told) {
            const item = wanted.get(`${pkg.root.toString()} ${one.id}`);
            if (item === undefined) {
                continue;
            }
            wanted.delete(item.id);
            if (one.passed) {
                run.passed(item, took);
            } else {
                run.failed(item, await Promise.all(one.failures.map((failure) => said(pkg, failure))), took);
            }
        }
        // What is no more in the program.
        wanted.forEach((item) => {
            run.skipped(item);
        });
    }
}

/** The tests that are asked for, by their ids. */
function leaves(root: vscode.TestItem, request: vscode.TestRunRequest): Map<string, vscode.TestItem> {
    const excluded = new Set(request.exclude?.map((item) => item.id));
    const included = request.include === undefined ? undefined : new Set(request.include.map((item) => item.id));
    const out = new Map<string, vscode.TestItem>();
    const visit = (item: vscode.TestItem, inside: boolean): void => {
        if (excluded.has(item.id)) {
            return;
        }
        const wanted = inside || included === undefined || included.has(item.id);
        if (item.children.size > 0) {
            item.children.forEach((child) => {
                visit(child, wanted);
            });
        } else if (wanted) {
            out.set(item.id, item);
        }
    };
    visit(root, false);
    return out;
}

async function said(pkg: Package, failure: Diagnostic): Promise<vscode.TestMessage> {
    const text = [failure.message, ...(failure.notes ?? []), ...(failure.help == null ? [] : [failure.help])];
    const message = new vscode.TestMessage(text.join('\n'));
    const uri = uriOf(pkg.root, failure.primary.file);
    if (uri !== undefined) {
        const document = await vscode.workspace.openTextDocument(uri);
        const { start, end } = failure.primary;
        const range = new vscode.Range(
            positionIn(document, start.line, start.column),
            positionIn(document, end.line, end.column),
        );
        message.location = new vscode.Location(uri, range);
    }
    return message;
}

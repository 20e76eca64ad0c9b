// What is asked about a program. The server knows it as it stands in the editor, saved or not; where the
// server does not know a question yet, `platc` answers it of the files as they are saved.

import * as vscode from 'vscode';

import type { Server } from './client';
import { FORMAT, type Graph, type Place, type Plan } from './formats';
import type { Against } from './messages';
import { draw, drawing, type Drawing } from './model/graph';
import type { Platc } from './platc';

/** A place as the protocol has it. */
interface Location {
    readonly uri: string;
    readonly range: { readonly start: { readonly line: number; readonly character: number } };
}

/** The answer to `plat/graph`. */
interface GraphAnswer {
    readonly app: string;
    readonly environment: string;
    readonly target: string;
    readonly nodes: readonly {
        readonly path: string;
        readonly kind: string;
        readonly is: readonly string[];
        readonly doc: string | null;
        readonly location: Location | null;
    }[];
    readonly links: readonly {
        readonly from: string;
        readonly to: string;
        readonly field: string;
        readonly out: string;
        readonly grant: string | null;
    }[];
}

/** The answer to `plat/plan`. */
interface PlanAnswer {
    readonly against: 'recorded' | 'nothing';
    readonly plan: Plan;
}

/** The answer to `plat/becomes`. */
export interface Becomes {
    readonly environment: string;
    readonly declaration: string;
    readonly language: string;
    readonly text: string;
}

/** Asks the server, and where it does not know, `platc`. */
export class Analysis {
    constructor(
        private readonly server: Server,
        private readonly platc: Platc,
    ) {}

    /** The graph of a package's app in an environment. */
    async graph(root: vscode.Uri, environment: string, token: vscode.CancellationToken): Promise<Drawing> {
        const answer = await this.about<GraphAnswer>('plat/graph', root, { environment }, token);
        if (answer === undefined) {
            return drawing(await this.platc.json<Graph>(['graph', environment, '--json'], root.fsPath, token));
        }
        const told = answer.nodes.map((node) => ({ ...node, place: placeOf(root, node.location) }));
        return draw(answer.app, answer.environment, answer.target, told, answer.links);
    }

    /**
     * What would change in an environment: since the last commit, since the last apply as it is on record
     * here, or against what runs; only for the last a target is asked.
     */
    async plan(
        root: vscode.Uri,
        environment: string,
        against: Against,
        token: vscode.CancellationToken,
    ): Promise<{ plan: Plan; remark: string }> {
        let plan: Plan;
        let remark = '';
        switch (against) {
            case 'commit':
                plan = await this.platc.json<Plan>(['diff', 'HEAD..', environment, '--json'], root.fsPath, token);
                break;
            case 'record': {
                const answer = await this.about<PlanAnswer>('plat/plan', root, { environment }, token);
                if (answer === undefined) {
                    throw new Error('this platc has no plan against what is on record: choose another comparison');
                }
                plan = answer.plan;
                remark = answer.against === 'nothing' ? 'no apply is on record here' : 'since the last apply';
                break;
            }
            case 'target':
                plan = await this.platc.json<Plan>(['plan', environment, '--json'], root.fsPath, token);
        }
        if (plan.format !== FORMAT) {
            throw new Error(`platc writes format ${String(plan.format)}; this extension reads ${String(FORMAT)}`);
        }
        return { plan, remark };
    }

    /** What the declaration at a position becomes on the target of an environment that has manifests. */
    becomes(uri: vscode.Uri, position: vscode.Position, token?: vscode.CancellationToken): Promise<Becomes | undefined> {
        const params = {
            textDocument: { uri: uri.toString() },
            position: { line: position.line, character: position.character },
        };
        return this.server.ask<Becomes>('plat/becomes', params, token);
    }

    private async about<Answer>(
        method: string,
        root: vscode.Uri,
        params: object,
        token: vscode.CancellationToken,
    ): Promise<Answer | undefined> {
        // No file below it: that may lie in a package inside.
        const uri = vscode.Uri.joinPath(root, 'plat.toml');
        const asked = { textDocument: { uri: uri.toString() }, ...params };
        return (await this.server.ask<Answer | null>(method, asked, token)) ?? undefined;
    }
}

function placeOf(root: vscode.Uri, location: Location | null): Place | null {
    if (location === null) {
        return null;
    }
    const path = vscode.Uri.parse(location.uri).path;
    const { line, character } = location.range.start;
    const file = path.startsWith(`${root.path}/`) ? path.slice(root.path.length + 1) : path;
    return { uri: location.uri, file, line: line + 1, column: character + 1 };
}

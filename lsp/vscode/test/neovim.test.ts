// The lines that `docs/editors.md` has for Neovim, in Neovim.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { platc, repository } from './plat';

/** What is done in Neovim: open, wait for the error, repair it, ask for the outline, format. */
const SCRIPT = `
local function say(what) io.stdout:write(what .. '\\n') end
local function fail(what) io.stderr:write(what .. '\\n') vim.cmd('cquit 1') end
vim.cmd('edit shop.plat')
if vim.bo.filetype ~= 'plat' then fail('the filetype is ' .. vim.bo.filetype) end
if not vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 20) then fail('no diagnostic') end
local told = vim.diagnostic.get(0)[1]
say('DIAGNOSTIC ' .. told.lnum .. ':' .. told.col .. ' ' .. told.message)
vim.api.nvim_buf_set_lines(0, 2, 3, false, { 'redis   cache {   memory = 64MiB }' })
if not vim.wait(60000, function() return #vim.diagnostic.get(0) == 0 end, 20) then fail('the diagnostic stays') end
local answers = vim.lsp.buf_request_sync(0, 'textDocument/documentSymbol', { textDocument = vim.lsp.util.make_text_document_params() }, 60000)
for _, answer in pairs(answers or {}) do
  for _, symbol in ipairs(answer.result or {}) do say('SYMBOL ' .. symbol.name) end
end
vim.lsp.buf.formatting_sync(nil, 60000)
say('FORMATTED ' .. vim.api.nvim_buf_get_lines(0, 2, 3, false)[1])
local text_document = vim.lsp.util.make_text_document_params()
for _, answer in pairs(vim.lsp.buf_request_sync(0, 'textDocument/codeLens', { textDocument = text_document }, 60000)) do
  for _, lens in ipairs(answer.result) do
    say('LENS ' .. lens.command.title)
    if lens.command.command == 'plat.planEnvironment' then vim.lsp.commands['plat.planEnvironment'](lens.command) end
  end
end
local function lines() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), ' ') end
if not vim.wait(60000, function() return lines():find('1 to create') ~= nil end, 20) then fail('no plan: ' .. lines()) end
say('PLANNED ' .. vim.bo.buftype)
vim.cmd('quitall!')
`;

const nvim = spawnSync('nvim', ['--version'], { encoding: 'utf8' });

test('the lines for Neovim give it plat', { skip: nvim.error === undefined ? false : 'nvim is not installed' }, () => {
    const page = readFileSync(path.join(repository, 'docs/editors.md'), 'utf8');
    const blocks = [...page.matchAll(/^```lua\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
    const start = blocks.find((block) => block.includes('start_client'));
    const commands = blocks.find((block) => block.includes('vim.lsp.commands'));
    assert.ok(start && commands);
    const lines = start + commands;
    const dir = mkdtempSync(path.join(tmpdir(), 'plat-neovim-'));
    try {
        const config = lines.replace("'platc', 'lsp'", `'${platc()}', 'lsp'`);
        writeFileSync(path.join(dir, 'init.lua'), config);
        writeFileSync(path.join(dir, 'script.lua'), SCRIPT);
        writeFileSync(path.join(dir, 'plat.toml'), '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2026"\n');
        writeFileSync(
            path.join(dir, 'shop.plat'),
            'app shop\n\nredis cache { memory = 64s }\n\nenv dev { target = local {} }\n',
        );
        const env = { ...process.env, HOME: dir, XDG_CONFIG_HOME: dir, XDG_STATE_HOME: dir, XDG_CACHE_HOME: dir };
        const said = execFileSync(
            'nvim',
            ['--headless', '--clean', '-u', 'init.lua', '-c', 'luafile script.lua'],
            { cwd: dir, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000 },
        );
        assert.deepEqual(said.trim().split('\n').sort(), [
            'DIAGNOSTIC 2:23 the field `memory` takes `Bytes`, not `Duration`',
            'FORMATTED redis cache { memory = 64MiB }',
            'LENS Plan',
            'PLANNED nofile',
            'SYMBOL cache',
            'SYMBOL dev',
            'SYMBOL shop',
        ]);
    } finally {
        rmSync(dir, { recursive: true });
    }
});

//! A real editor as the client: Neovim, without its screen.

use std::process::Command;

use serde_json::Value;

/// Opens a file with a mistake, and writes what Neovim shows of it. Waits for each thing until it is
/// there; the limits only end a test that has failed.
const SCRIPT: &str = r#"
local platc, root, out = vim.env.PLATC, vim.env.APP, vim.env.OUT
local limit = 60000
vim.cmd('edit ' .. root .. '/shop.plat')
local client = vim.lsp.start_client({ name = 'plat', cmd = { platc, 'lsp' }, root_dir = root })
vim.lsp.buf_attach_client(0, client)
vim.wait(limit, function() return #vim.diagnostic.get(0) > 0 end, 10)
local wrong = vim.tbl_map(function(d) return d.code end, vim.diagnostic.get(0))
local function ask(method, line, character)
  vim.api.nvim_win_set_cursor(0, { line, character })
  local params = vim.lsp.util.make_position_params()
  params.context = { triggerKind = 1 }
  local answers = vim.lsp.buf_request_sync(0, method, params, limit)
  return answers[client].result
end
local items = ask('textDocument/completion', 4, 7).items
local definition = ask('textDocument/definition', 3, 2)
-- Repaired, the mistake goes.
vim.api.nvim_buf_set_text(0, 3, 4, 3, 9, { 'scale' })
vim.wait(limit, function() return #vim.diagnostic.get(0) == 0 end, 10)
local left = #vim.diagnostic.get(0)
local hovered = ask('textDocument/hover', 4, 5)
vim.lsp.buf.formatting_sync({}, limit)
local file = io.open(out, 'w')
file:write(vim.fn.json_encode({
  wrong = wrong,
  left = left,
  hover = hovered.contents.value,
  first = items[1].label,
  definition = (definition[1] or definition).targetUri or definition.uri,
  text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n'),
}))
file:close()
vim.lsp.stop_client(client)
vim.cmd('qall!')
"#;

#[test]
fn neovim_shows_what_the_server_says() {
    let there = Command::new("nvim").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        let must = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!must, "nvim is not installed: apt-get install neovim");
        eprintln!("left out: nvim is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let app = root.join("app");
    std::fs::create_dir(&app).unwrap();
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    std::fs::write(app.join("plat.toml"), manifest).unwrap();
    let text = "app shop\nenv dev { target = local {} }\nservice api {\n    scael = 2\n    run = image(\"a:1\")\n}\n";
    std::fs::write(app.join("shop.plat"), text).unwrap();
    let script = root.join("test.lua");
    std::fs::write(&script, SCRIPT).unwrap();
    let out = root.join("out.json");
    let output = Command::new("nvim")
        .args(["--headless", "--clean", "-n", "-c"])
        .arg(format!("luafile {}", script.display()))
        .env("PLATC", env!("CARGO_BIN_EXE_platc"))
        .env("APP", &app)
        .env("OUT", &out)
        .env("PLAT_HOME", root.join("home"))
        .env("XDG_STATE_HOME", root.join("state"))
        .env("XDG_CACHE_HOME", root.join("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = std::fs::read_to_string(&out).unwrap_or_else(|_| panic!("{said}"));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["wrong"], serde_json::json!(["E0207"]), "{said}");
    assert_eq!(shown["left"], 0);
    assert_eq!(shown["first"], "scale");
    assert!(
        shown["hover"].as_str().unwrap().contains("scale: Scale"),
        "{shown}"
    );
    assert!(
        shown["definition"]
            .as_str()
            .unwrap()
            .ends_with("/workloads.plat")
    );
    assert!(
        shown["text"].as_str().unwrap().contains("    scale = 2\n"),
        "{shown}"
    );
}

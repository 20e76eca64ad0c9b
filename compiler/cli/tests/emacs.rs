//! Another real editor as the client: Emacs with eglot, without its screen, set up as
//! `docs/editors.md` says.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::process::Command;

/// Waits for each thing until it is there; the limit only ends a test that has failed.
const SCRIPT: &str = r#"
(defun test-wait (what condition)
  (let ((limit (+ (float-time) 60)))
    (while (not (funcall condition))
      (when (> (float-time) limit)
        (message "waited in vain for %s" what)
        (kill-emacs 1))
      (accept-process-output nil 0.02))))
(defun test-say (name value)
  (princ (format "%s %s\n" name value)))
(defun test-told ()
  (mapcar (lambda (told)
            (format "%d %s" (line-number-at-pos (flymake-diagnostic-beg told))
                    (car (split-string (flymake-diagnostic-text told) "\n"))))
          (flymake-diagnostics)))
(find-file "shop.plat")
(test-say "MODE" major-mode)
;; What Emacs runs after each command: without a screen there are none.
(run-hooks 'post-command-hook)
(test-wait "the server" #'eglot-current-server)
(flymake-start)
(test-wait "a diagnostic" #'flymake-diagnostics)
(test-say "WRONG" (test-told))
(search-forward "scael")
(replace-match "sca")
(test-say "COMPLETED" (car (all-completions "sca" (nth 2 (eglot-completion-at-point)))))
(insert "le")
(eglot--signal-textDocument/didChange)
(test-wait "its end" (lambda () (flymake-start) (not (flymake-diagnostics))))
(goto-char (point-min))
(search-forward "service a")
(let (told)
  (eglot-hover-eldoc-function (lambda (text &rest _) (setq told text)))
  (test-wait "a hover" (lambda () told))
  (test-say "HOVER" (nth 1 (split-string told "\n" t))))
(eglot-rename "front")
(goto-char (point-min))
(search-forward "image")
(insert "   ")
(eglot-format-buffer)
(comment-line 1)
(test-say "TEXT" (prin1-to-string (buffer-substring-no-properties (point-min) (point-max))))
(set-buffer-modified-p nil)
(eglot-shutdown (eglot-current-server))
(kill-emacs 0)
"#;

/// The lines that the page has for eglot, with the server that is tested.
fn set_up() -> String {
    let page = include_str!("../../../docs/editors.md");
    let blocks = page.split("```elisp\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    let lines = blocks.find(|block| block.contains("eglot-ensure")).unwrap();
    let server = format!("\"{}\" \"lsp\"", env!("CARGO_BIN_EXE_platc"));
    assert!(lines.contains("\"platc\" \"lsp\""));
    lines.replace("\"platc\" \"lsp\"", &server)
}

#[test]
fn emacs_shows_what_the_server_says_and_changes_as_it_says() {
    let eglot = [
        "--batch",
        "--funcall",
        "package-initialize",
        "--eval",
        "(require 'eglot)",
    ];
    let there = Command::new("emacs").args(eglot).output();
    if !there.is_ok_and(|output| output.status.success()) {
        let must = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(
            !must,
            "Emacs with eglot is not installed: apt-get install emacs-nox elpa-eglot"
        );
        eprintln!("left out: Emacs with eglot is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    std::fs::write(root.join("plat.toml"), manifest).unwrap();
    let text = "app shop\nenv dev { target = local {} }\nservice api {\n    scael = 2\n    run = image(\"a:1\")\n}\n";
    std::fs::write(root.join("shop.plat"), text).unwrap();
    std::fs::write(root.join("init.el"), set_up()).unwrap();
    std::fs::write(root.join("script.el"), SCRIPT).unwrap();
    let output = Command::new("emacs")
        .args(["--batch", "--funcall", "package-initialize"])
        .args(["--load", "init.el", "--load", "script.el"])
        .current_dir(&root)
        .env("HOME", &root)
        .env("PLAT_HOME", root.join("home"))
        .env("XDG_CONFIG_HOME", root.join("config"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{said}");
    insta::assert_snapshot!(shown);
}

//! `platc new`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::cli::{Global, New};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::terminal::{Terminal, harmless};

const LONGEST_NAME: usize = 40;

const PAGE: &str = include_str!("../start/index.html");
const API: &str = include_str!("../start/api.py");

/// Makes a starting app that runs at once.
pub fn run(new: &New, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let name = Name::read(&new.name)?;
    let base = global.dir.as_deref().unwrap_or(Path::new(""));
    if global.dir.is_some() && !base.is_dir() {
        return Err(Failure::new(format!("there is no directory {}", base.display())).into());
    }
    let root = base.join(&name.written);
    refuse_what_is_there(&root)?;

    let python = on_path("python3");
    let program = program(&name, python);
    let write = |path: &str, text: &str| write(&root.join(path), text);
    write("plat.toml", &manifest(&name))?;
    write(&format!("{}.plat", name.identifier), &program)?;
    write("site/index.html", &PAGE.replace("NAME", &name.written))?;
    if python {
        write("api/api.py", API)?;
    }

    let paint = terminal.err();
    terminal.say(format!(
        "made {}",
        paint.bold(format!("{}/", root.display()))
    ));
    terminal.say(format!(
        "  plat.toml          the package\n  {:<18} the app",
        format!("{}.plat", name.identifier)
    ));
    terminal.say("  site/              its page");
    if python {
        terminal.say("  api/               its API, in Python");
    } else {
        terminal.say("  There is no python3 on this machine, so the app is a page without an API.");
    }
    terminal.say(format!(
        "\nNext:\n  {}\n  {}",
        paint.hint(format!("cd {}", root.display())),
        paint.hint("platc up"),
    ));
    Ok(Outcome::Done)
}

/// A name as it was written, and as an identifier of the language.
struct Name {
    written: String,
    identifier: String,
}

impl Name {
    fn read(written: &str) -> Result<Self, Failure> {
        let what = |why: &str| {
            let shown: String = harmless(written).chars().take(LONGEST_NAME + 1).collect();
            Failure::new(format!("`{shown}` can't be an app's name: {why}"))
                .next("use lower-case letters, digits, `-` and `_`, beginning with a letter: `platc new my-shop`")
        };
        if !written.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(what("it must begin with a lower-case letter"));
        }
        if let Some(bad) = written
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'))
        {
            return Err(what(&format!("it has {bad:?} in it")));
        }
        if written.ends_with(['-', '_']) {
            return Err(what("it ends with a dash"));
        }
        if written.len() > LONGEST_NAME {
            return Err(what(&format!(
                "it is longer than {LONGEST_NAME} characters"
            )));
        }
        let name = Self {
            written: written.to_owned(),
            identifier: written.replace('-', "_"),
        };
        // The language has words of its own; who else would know them all?
        let trial = plat_syntax::parse(&Arc::from("new"), &program(&name, true));
        if trial.diagnostics.is_empty() {
            Ok(name)
        } else {
            Err(what("the language has another meaning for it"))
        }
    }

    fn host(&self) -> String {
        format!("{}.localhost", self.written.replace('_', "-"))
    }
}

fn refuse_what_is_there(root: &Path) -> Result<(), Failure> {
    let there = |what: &str| {
        Failure::new(format!("{} is there already{what}", root.display()))
            .next("choose another name, or another place with `-C DIR`")
    };
    match fs::read_dir(root).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(there(", and not empty")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match root.symlink_metadata()
        {
            Ok(_) => Err(there(", and is no directory")),
            Err(_) => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(there(", and is no directory"))
        }
        Err(error) => Err(failure::io(
            format!("looking at {}", root.display()),
            &error,
        )),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text))
        .map_err(|error| failure::io(format!("writing {}", path.display()), &error))
}

fn manifest(name: &Name) -> String {
    let edition = crate::EDITION;
    format!(
        "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n",
        name.identifier
    )
}

fn program(name: &Name, python: bool) -> String {
    let (app, host) = (&name.identifier, name.host());
    let head = if python {
        "A page and its API"
    } else {
        "A page"
    };
    let (service, paths) = if python {
        (SERVICE, r#"{ "/" = front, "/api" = api }"#)
    } else {
        ("", r#"{ "/" = front }"#)
    };
    format!(
        r#"// {head}. `platc up` in this directory brings it up; `platc logs -f` shows what it says.

app {app}
{service}
/// The page: files as they are.
site front {{ files = "./site" }}

/// Where people come in.
route public {{
    host  = "{host}"
    paths = {paths}
}}

/// On this machine: processes and embedded services, nothing to install.
env dev {{ target = local {{}} }}
"#
    )
}

const SERVICE: &str = r#"
/// Answers under /api. Change the greeting, or `scale`, and say `platc up` again.
service api {
    run   = process(["python3", "api.py"], dir: "./api")
    ready = http("/healthz")
    scale = 1
    env   = { GREETING = "It works" }
}
"#;

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

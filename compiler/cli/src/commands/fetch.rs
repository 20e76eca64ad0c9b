//! `platc fetch`.

use crate::cli::{Fetch, Global};
use crate::failure::{Outcome, Stop};
use crate::packages;
use crate::project;
use crate::terminal::Terminal;

/// Fetches what the package builds on, and writes `plat.lock`.
pub fn run(fetch: &Fetch, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let root = project::find(global.dir.as_deref())?;
    let options = plat_packages::Options {
        update: fetch.update,
        locked: fetch.locked,
    };
    let mut say = |line: &str| terminal.say(line);
    let fetched = plat_packages::fetch(&root, &packages::cache()?, options, &mut say)
        .map_err(packages::failure)?;
    let count = fetched.lock.packages.len();
    let what = match count {
        0 => "nothing is to be fetched".to_owned(),
        1 => "1 package is here".to_owned(),
        _ => format!("{count} packages are here"),
    };
    let lock = if fetched.changed {
        "wrote plat.lock"
    } else {
        "plat.lock stays as it is"
    };
    terminal.say(format!("{what}; {lock}"));
    Ok(Outcome::Done)
}

//! `platc pin` and `platc promote`.

use std::collections::{BTreeMap, BTreeSet};

use plat_kubernetes::facts;
use plat_model::{Graph, ImagePin, TargetId};
use plat_packages::Pins;

use crate::cli::{Global, Pin, Promote};
use crate::failure::{Failure, Outcome, Stop};
use crate::packages;
use crate::program::{self, Program};
use crate::terminal::Terminal;

/// Looks up what the images of an environment are, and writes `pins/ENV.toml`.
pub fn run(pin: &Pin, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(pin.env.as_deref(), terminal)?;
    let environment = &graph.environment.name;
    let before = Pins::read(program.root(), environment).map_err(packages::failure)?;
    let mut images = BTreeMap::new();
    for image in &used(&graph) {
        terminal.detail(format!("asking for {image}"));
        let found = plat_packages::look_up(image).map_err(packages::failure)?;
        match before.images.get(image) {
            Some(old) if *old == found => {}
            Some(old) => terminal.say(format!("{image}: {} → {}", short(old), short(&found))),
            None => terminal.say(format!("{image}: {}", short(&found))),
        }
        images.insert(image.clone(), found);
    }
    let pins = Pins { images };
    write(&pins, &before, &program, environment, terminal)
}

/// Copies what one environment has pinned to another that uses the same images.
pub fn promote(promote: &Promote, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let from = program.graph(Some(&promote.from), terminal)?;
    let to = program.graph(Some(&promote.to), terminal)?;
    let (from_name, to_name) = (&from.environment.name, &to.environment.name);
    let given = Pins::read(program.root(), from_name).map_err(packages::failure)?;
    let before = Pins::read(program.root(), to_name).map_err(packages::failure)?;
    let mut images = BTreeMap::new();
    let mut missing = Vec::new();
    for image in used(&to) {
        match given.images.get(&image) {
            Some(pin) => {
                images.insert(image, pin.clone());
            }
            None => missing.push(image),
        }
    }
    if !missing.is_empty() {
        let failure = Failure::new(format!(
            "`{from_name}` has no pin of {}, which `{to_name}` uses",
            missing.join(", ")
        ));
        return Err(failure
            .next(format!("look them up first: platc pin {from_name}"))
            .into());
    }
    write(&Pins { images }, &before, &program, to_name, terminal)
}

/// The images of an environment: those that run, and those that its target makes others on.
fn used(graph: &Graph) -> BTreeSet<String> {
    let mut images: BTreeSet<String> = graph.images().into_iter().map(str::to_owned).collect();
    if program::target(graph) == "kubernetes" {
        images.extend(facts::bases(&TargetId::main(), graph));
    }
    images
}

fn write(
    pins: &Pins,
    before: &Pins,
    program: &Program,
    environment: &str,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    for gone in before
        .images
        .keys()
        .filter(|i| !pins.images.contains_key(*i))
    {
        terminal.say(format!("{gone}: no longer used"));
    }
    let count = match pins.images.len() {
        0 => "no image is pinned".to_owned(),
        1 => "1 image is pinned".to_owned(),
        n => format!("{n} images are pinned"),
    };
    let shown = Pins::file(environment);
    if pins == before {
        terminal.say(format!("{count}; {shown} stays as it is"));
    } else {
        pins.write(program.root(), environment)
            .map_err(packages::failure)?;
        terminal.say(format!("{count}; wrote {shown}"));
    }
    Ok(Outcome::Done)
}

/// Tells, on stderr, which pins of an environment no longer hold: their tags are other images now,
/// or nobody uses them. What can't be asked is told too, and stops nothing.
pub fn tell_of_pins_that_no_longer_hold(graph: &Graph, terminal: &Terminal) {
    let environment = &graph.environment.name;
    let file = Pins::file(environment);
    let used = used(graph);
    let (held, gone): (Vec<_>, Vec<_>) = graph
        .pins
        .iter()
        .partition(|(image, _)| used.contains(image.as_str()));
    for (image, _) in gone {
        terminal.say(format!("{file}: {image} is no longer used"));
    }
    let images: Vec<&str> = held.iter().map(|(image, _)| image.as_str()).collect();
    for ((image, pin), told) in held.iter().zip(plat_packages::digests(&images)) {
        match told {
            Ok(now) if now == pin.digest => {}
            Ok(now) => terminal.say(format!(
                "{file}: {image} is another image now: {} instead of {}; `platc pin {environment}` takes it",
                shortened(&now),
                short(pin)
            )),
            Err(error) => terminal.say(format!("{file}: whether the pin of {image} holds is not known: {error}")),
        }
    }
}

fn short(pin: &ImagePin) -> &str {
    shortened(&pin.digest)
}

/// `sha256:` and the first twelve digits.
fn shortened(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

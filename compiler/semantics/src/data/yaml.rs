//! YAML 1.2 with its core schema (yaml.org/spec/1.2.2, chapter 10.3) as a literal of the language.
//!
//! `yes`, `no`, `on` and `off` are texts, as YAML 1.2 has it. Aliases are written out, up to a limit. Refused are what
//! has no counterpart: several documents in one file, tags of applications, merge keys, infinite numbers.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Literal, Problem};

/// A node of the document, in the order of the text.
enum Step {
    Scalar(String, ScalarStyle, Option<String>),
    OpenList,
    OpenMap,
    CloseList,
    CloseMap,
    /// What the anchor of this number names.
    Alias(usize),
}

struct Placed {
    step: Step,
    anchor: usize,
    at: (usize, usize),
}

/// Writes the document as a literal.
pub(super) fn read(text: &str, literal: &mut Literal) -> Result<(), Problem> {
    let steps = steps(text)?;
    if steps.is_empty() {
        return literal.token("none", (0, 0));
    }
    let anchors = anchors(&steps);
    let mut writer = Writer {
        steps: &steps,
        anchors: &anchors,
        literal,
        within: Vec::new(),
    };
    writer.node(0, None)
}

/// The document's nodes.
fn steps(text: &str) -> Result<Vec<Placed>, Problem> {
    let offsets = Offsets::of(text);
    let mut steps = Vec::new();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = offsets.byte(error.marker().index());
            Problem {
                message: format!("this is no YAML: {}", error.info()),
                at: (at, at),
            }
        })?;
        let at = (
            offsets.byte(span.start.index()),
            offsets.byte(span.end.index()),
        );
        let tag = |tag: &Option<std::borrow::Cow<'_, Tag>>| core_tag(tag.as_deref(), at);
        let (step, anchor) = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(Problem {
                        message: "this file has several YAML documents; one is read".to_owned(),
                        at,
                    });
                }
                continue;
            }
            Event::Scalar(value, style, anchor, named) => {
                let named = tag(&named)?;
                (Step::Scalar(value.into_owned(), style, named), anchor)
            }
            Event::SequenceStart(anchor, named) => {
                tag(&named)?;
                (Step::OpenList, anchor)
            }
            Event::MappingStart(anchor, named) => {
                tag(&named)?;
                (Step::OpenMap, anchor)
            }
            Event::SequenceEnd => (Step::CloseList, 0),
            Event::MappingEnd => (Step::CloseMap, 0),
            Event::Alias(anchor) => (Step::Alias(anchor), 0),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
        };
        steps.push(Placed { step, anchor, at });
    }
    Ok(steps)
}

/// The name of a tag of the core schema: `str`.
fn core_tag(tag: Option<&Tag>, at: (usize, usize)) -> Result<Option<String>, Problem> {
    match tag {
        None => Ok(None),
        Some(tag) if tag.is_yaml_core_schema() => Ok(Some(tag.suffix.clone())),
        Some(tag) => Err(Problem {
            message: format!("the tag `{tag}` means nothing here"),
            at,
        }),
    }
}

/// Where each anchor's node begins.
fn anchors(steps: &[Placed]) -> BTreeMap<usize, usize> {
    let mut anchors = BTreeMap::new();
    for (position, placed) in steps.iter().enumerate() {
        if placed.anchor != 0 {
            anchors.insert(placed.anchor, position);
        }
    }
    anchors
}

struct Writer<'a> {
    steps: &'a [Placed],
    anchors: &'a BTreeMap<usize, usize>,
    literal: &'a mut Literal,
    /// Brackets that are open, those of aliases too.
    within: Vec<Open>,
}

/// An open bracket.
struct Open {
    map: bool,
    /// Is a key next?
    key: bool,
    /// How many nodes it has.
    count: usize,
    /// Where to go on when an alias's node is written.
    back: Option<usize>,
}

impl Writer<'_> {
    /// Writes the node that begins at a step. Without recursion: aliases nest as they like.
    fn node(&mut self, start: usize, place: Option<(usize, usize)>) -> Result<(), Problem> {
        let mut at = start;
        // Inside of an alias, everything is at the place of the alias.
        let mut places: Vec<(usize, usize)> = place.into_iter().collect();
        loop {
            let Some(placed) = self.steps.get(at) else {
                return Ok(());
            };
            let source = places.last().copied().unwrap_or(placed.at);
            match &placed.step {
                Step::Alias(anchor) => {
                    let target = self.anchors.get(anchor).copied();
                    let Some(target) = target.filter(|target| *target < at) else {
                        return Err(Problem {
                            message: "this alias names nothing before it".to_owned(),
                            at: source,
                        });
                    };
                    if self.within.iter().any(|open| open.back == Some(at + 1)) {
                        return Err(Problem {
                            message: "this alias stands in what it names".to_owned(),
                            at: source,
                        });
                    }
                    match self.steps.get(target).map(|p| &p.step) {
                        Some(Step::Scalar(text, style, tag)) => {
                            self.before(source)?;
                            self.scalar(text, *style, tag.as_deref(), source)?;
                            at += 1;
                            self.after();
                        }
                        _ => {
                            let map = matches!(
                                self.steps.get(target).map(|p| &p.step),
                                Some(Step::OpenMap)
                            );
                            self.open(map, Some(at + 1), source)?;
                            places.push(source);
                            at = target + 1;
                        }
                    }
                }
                Step::Scalar(text, style, tag) => {
                    self.before(source)?;
                    self.scalar(text, *style, tag.as_deref(), source)?;
                    at += 1;
                    self.after();
                }
                Step::OpenList => {
                    self.open(false, None, source)?;
                    at += 1;
                }
                Step::OpenMap => {
                    self.open(true, None, source)?;
                    at += 1;
                }
                Step::CloseList | Step::CloseMap => {
                    let open = self.within.pop();
                    let map = open.as_ref().is_some_and(|open| open.map);
                    self.literal.close(if map { "}" } else { "]" }, source)?;
                    match open.and_then(|open| open.back) {
                        Some(back) => {
                            places.pop();
                            at = back;
                        }
                        None => at += 1,
                    }
                    self.after();
                }
            }
            if self.within.is_empty() {
                return Ok(());
            }
        }
    }

    fn open(
        &mut self,
        map: bool,
        back: Option<usize>,
        source: (usize, usize),
    ) -> Result<(), Problem> {
        if self.within.last().is_some_and(|open| open.map && open.key) {
            return Err(Problem {
                message: "a key is a text here, not a list or a map".to_owned(),
                at: source,
            });
        }
        self.before(source)?;
        self.within.push(Open {
            map,
            key: map,
            count: 0,
            back,
        });
        self.literal.open(if map { "{" } else { "[" }, source)
    }

    /// What stands between a node and the one before.
    fn before(&mut self, source: (usize, usize)) -> Result<(), Problem> {
        let at = (source.0, source.0);
        match self.within.last() {
            Some(open) if open.map && !open.key => self.literal.token(" = ", at),
            Some(open) if open.count > 0 => self.literal.token(", ", at),
            _ => Ok(()),
        }
    }

    fn after(&mut self) {
        if let Some(open) = self.within.last_mut() {
            open.count += 1;
            if open.map {
                open.key = !open.key;
            }
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&str>,
        source: (usize, usize),
    ) -> Result<(), Problem> {
        if self.within.last().is_some_and(|open| open.map && open.key) {
            if text == "<<" && style == ScalarStyle::Plain {
                return Err(Problem {
                    message: "merge keys are not read: YAML 1.2 has none".to_owned(),
                    at: source,
                });
            }
            return self.literal.string(text, source);
        }
        if tag == Some("str") || (tag.is_none() && style != ScalarStyle::Plain) {
            return self.literal.string(text, source);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => self.literal.token("none", source),
            "true" | "True" | "TRUE" => self.literal.token("true", source),
            "false" | "False" | "FALSE" => self.literal.token("false", source),
            text => match number(text) {
                Some(Number::Plain(number)) => self.literal.number(&number, source),
                Some(Number::Endless) => Err(Problem {
                    message: format!("{text} is no number that can be calculated with"),
                    at: source,
                }),
                None => self.literal.string(text, source),
            },
        }
    }
}

enum Number {
    Plain(String),
    Endless,
}

/// A number of the core schema.
fn number(text: &str) -> Option<Number> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16)
            .ok()
            .map(|n| Number::Plain(n.to_string()));
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8)
            .ok()
            .map(|n| Number::Plain(n.to_string()));
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Number::Endless);
    }
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let good =
        digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()) && exponent_fits;
    good.then(|| {
        let text = text.strip_prefix('+').unwrap_or(text);
        Number::Plain(text.replace("e+", "e").replace("E+", "E"))
    })
}

/// From characters, which the parser counts, to bytes.
struct Offsets {
    /// The byte of each character; none where they are the same.
    bytes: Option<Vec<usize>>,
    length: usize,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self {
            bytes,
            length: text.len(),
        }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.length),
            None => character.min(self.length),
        }
    }
}

//! A structural schema as types: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>.
//!
//! What a type can't say is left to the cluster: patterns, whose language is another one, lengths, and
//! rules in CEL. Where anything may stand, `Json` does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

/// Whatever stands there is kept: no field is wrong.
const OPEN: &str = "x-kubernetes-preserve-unknown-fields";
/// What the standard library's module for Kubernetes gives every kind.
const SHARED: &str = "std.objects.kubernetes";

/// The file of a kind: the kind itself, then what it is made of, sorted by name; none where the
/// definition leaves open which fields it has, or names one that no field of a type could have.
pub(super) fn file(api: &str, kind: &str, schema: &Json) -> Option<String> {
    let mut types = Types {
        kind,
        parts: BTreeMap::new(),
        names: BTreeMap::new(),
        shared: vec!["ObjectMeta"],
    };
    let own = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata" | "status");
    if says(schema, OPEN) {
        return None;
    }
    let fields = types.fields(kind, schema, |name| !own(name))?;
    let mut text = format!(
        "// Written by `platc import crd` of the CustomResourceDefinition of\n// {kind} of {api}: import it again instead of changing this.\n\n"
    );
    types.shared.sort_unstable();
    types.shared.dedup();
    let _ = writeln!(text, "use {SHARED}.{{{}}}\n", types.shared.join(", "));
    text += &doc(schema, "");
    let _ = write!(
        text,
        "pub type {kind} = {{\n    apiVersion: \"{api}\" = \"{api}\"\n    kind: \"{kind}\" = \"{kind}\"\n    metadata: ObjectMeta?\n{fields}}}\n"
    );
    for part in types.parts.values() {
        text.push('\n');
        text += part;
    }
    Some(text)
}

/// The types of one kind while they are made.
struct Types<'a> {
    kind: &'a str,
    /// The records that it is made of, by name: their whole text.
    parts: BTreeMap<String, String>,
    /// The names by what they stand for: the same fields at two places are one type.
    names: BTreeMap<String, String>,
    /// What is used of the standard library's module.
    shared: Vec<&'static str>,
}

impl Types<'_> {
    /// The fields of a record, a line or two for each; none where a name could not be one of a field.
    fn fields(
        &mut self,
        record: &str,
        schema: &Json,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let properties = schema.get("properties")?.as_object()?;
        let required = schema.get("required").and_then(Json::as_array);
        let mut lines = String::new();
        for (name, schema) in properties.iter().filter(|(name, _)| wanted(name)) {
            if !is_name(name) {
                return None;
            }
            let needed = required.is_some_and(|all| all.iter().any(|n| n == name))
                && schema.get("default").is_none()
                && !says(schema, "nullable");
            let ty = self.ty(&format!("{record}{}", capital(name)), schema);
            lines += &doc(schema, "    ");
            // A choice of words goes as far as it can: the `?` is the whole type's.
            let ty = match (needed, ty.contains([' '])) {
                (true, _) => ty,
                (false, true) => format!("({ty})?"),
                (false, false) => format!("{ty}?"),
            };
            let _ = writeln!(lines, "    {name}: {ty}");
        }
        Some(lines)
    }

    /// The type of a schema; `name` is what it is called where it needs a name.
    fn ty(&mut self, name: &str, schema: &Json) -> String {
        if says(schema, "x-kubernetes-int-or-string") {
            self.shared.push("IntOrString");
            return "IntOrString".to_owned();
        }
        if says(schema, OPEN) || says(schema, "x-kubernetes-embedded-resource") {
            return self.any();
        }
        match schema.get("type").and_then(Json::as_str) {
            Some("string") => words(schema).unwrap_or_else(|| "String".to_owned()),
            Some("integer") => match bounds(schema) {
                Some((least, most)) => format!("Int where {least}..{most}"),
                None => "Int".to_owned(),
            },
            Some("number") => "Decimal".to_owned(),
            Some("boolean") => "Bool".to_owned(),
            Some("array") => match schema.get("items") {
                Some(items) => format!("[{}]", self.ty(name, items)),
                None => format!("[{}]", self.any()),
            },
            Some("object") => self.object(name, schema),
            _ => self.any(),
        }
    }

    fn any(&mut self) -> String {
        self.shared.push("Json");
        "Json".to_owned()
    }

    fn object(&mut self, name: &str, schema: &Json) -> String {
        let has_fields = schema
            .get("properties")
            .and_then(Json::as_object)
            .is_some_and(|p| !p.is_empty());
        if has_fields {
            return match self.fields(name, schema, |_| true) {
                Some(fields) => self.named(name, schema, &fields),
                None => self.any(),
            };
        }
        match schema.get("additionalProperties") {
            Some(values @ Json::Object(_)) => {
                let values = self.ty(name, values);
                // A condition stands between `<` and `>` in parentheses alone.
                if values.contains(" where ") && !values.starts_with(['[', '(', 'M']) {
                    return format!("Map<({values})>");
                }
                format!("Map<{values}>")
            }
            _ => self.any(),
        }
    }

    /// The name of a record with these fields.
    fn named(&mut self, wanted: &str, schema: &Json, fields: &str) -> String {
        let body = format!("{}= {{\n{fields}}}\n", doc(schema, ""));
        if let Some(name) = self.names.get(&body) {
            return name.clone();
        }
        let mut name = wanted.to_owned();
        let mut count = 2;
        while self.parts.contains_key(&name)
            || name == self.kind
            || self.shared.contains(&name.as_str())
        {
            name = format!("{wanted}{count}");
            count += 1;
        }
        let text = format!("{}pub type {name} = {{\n{fields}}}\n", doc(schema, ""));
        self.parts.insert(name.clone(), text);
        self.names.insert(body, name.clone());
        name
    }
}

fn says(schema: &Json, what: &str) -> bool {
    schema.get(what).and_then(Json::as_bool) == Some(true)
}

/// `"Always" | "Never"`, where a type can say all of them.
fn words(schema: &Json) -> Option<String> {
    let words = schema.get("enum")?.as_array()?;
    let quoted = words.iter().map(|word| {
        let word = word.as_str()?;
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        (plain && !word.contains(['"', '\\', '$', '{'])).then(|| format!("\"{word}\""))
    });
    let quoted: Vec<String> = quoted.collect::<Option<_>>()?;
    (!quoted.is_empty()).then(|| quoted.join(" | "))
}

/// The least and the most that a whole number may be, where both are said.
fn bounds(schema: &Json) -> Option<(i64, i64)> {
    let (least, most) = (schema.get("minimum")?, schema.get("maximum")?);
    let excluded = |what: &str| says(schema, what);
    if excluded("exclusiveMinimum") || excluded("exclusiveMaximum") {
        return None;
    }
    // Documents write `1` as `1.0` too.
    let whole = |n: &Json| {
        let text = n.to_string();
        text.strip_suffix(".0").unwrap_or(&text).parse::<i64>().ok()
    };
    let (least, most) = (whole(least)?, whole(most)?);
    (0 <= least && least <= most).then_some((least, most))
}

/// Could a field be called so?
pub(super) fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A field's name as a part of a type's: `podMetrics` as `PodMetrics`, `a_b` as `AB`.
fn capital(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

/// The first sentence of a description, as documentation.
fn doc(schema: &Json, indent: &str) -> String {
    let text = schema.get("description").and_then(Json::as_str);
    let text = sentence(text.unwrap_or_default());
    if text.is_empty() {
        return String::new();
    }
    format!("{indent}/// {text}\n")
}

/// The first sentence of a description, on one line, without the escapes of Markdown.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.replace('\\', "");
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
    let text = paragraph.get(..end).unwrap_or_default().trim().to_owned();
    if text.is_empty() || text.ends_with(['.', ':']) {
        text
    } else {
        text + "."
    }
}

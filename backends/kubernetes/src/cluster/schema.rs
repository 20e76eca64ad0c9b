//! What the cluster's own description of its API says of an object, before it is sent there.
//!
//! The description is OpenAPI v3, a document for each group and version
//! (<https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3>). It says which fields
//! there are, of which type, and which must be there; what only admission knows it does not say.
//! A server drops a field of a custom resource that its definition does not have, without a word: the
//! next plan would want to set it again.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{ApiError, Cluster};

/// How many mistakes of one object are told: the rest are mostly of the same cause.
const MOST: usize = 3;
/// How deep an object may be nested; none of those that there are comes near.
const DEPTH: usize = 64;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// In words that begin with the field: `` `spec.size` takes a whole number ``.
    pub what: String,
    /// Whether it is only missing: what changes objects on their way in may still say it.
    pub is_missing: bool,
}

/// The descriptions of some groups and versions, each by itself: `apps/v1`.
#[derive(Debug, Default)]
pub struct Schemas {
    documents: BTreeMap<String, Document>,
}

/// One group and version.
#[derive(Debug)]
struct Document {
    schemas: Map<String, Json>,
    /// The names of the schemas of whole objects, by kind.
    kinds: BTreeMap<String, String>,
}

impl Cluster {
    /// The descriptions of these groups and versions (`v1`, `apps/v1`), as far as the cluster has them.
    ///
    /// # Errors
    /// It gives no answer, or not to us.
    pub async fn schemas(
        &self,
        versions: impl IntoIterator<Item = &str>,
    ) -> Result<Schemas, ApiError> {
        let index = self.document("/openapi/v3").await?;
        let mut schemas = Schemas::default();
        for version in versions {
            let path = if version.contains('/') {
                format!("apis/{version}")
            } else {
                format!("api/{version}")
            };
            let at = index.get("paths").and_then(|paths| paths.get(&path));
            let Some(url) = at.and_then(|at| at.get("serverRelativeURL")?.as_str()) else {
                continue;
            };
            schemas.add(version, self.document(url).await?);
        }
        Ok(schemas)
    }
}

impl Document {
    fn of(mut document: Json, version: &str) -> Self {
        let found = document.pointer_mut("/components/schemas").map(Json::take);
        let schemas = match found {
            Some(Json::Object(schemas)) => schemas,
            _ => Map::new(),
        };
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        let mut kinds = BTreeMap::new();
        for (name, schema) in &schemas {
            let stands_for = schema.get("x-kubernetes-group-version-kind");
            for one in stands_for.and_then(Json::as_array).into_iter().flatten() {
                let is = |field: &str, wanted: &str| {
                    one.get(field).and_then(Json::as_str).unwrap_or_default() == wanted
                };
                let kind = one.get("kind").and_then(Json::as_str);
                if let Some(kind) = kind.filter(|_| is("group", group) && is("version", version)) {
                    kinds.insert(kind.to_owned(), name.clone());
                }
            }
        }
        Self { schemas, kinds }
    }

    /// The schema itself, where one stands for it: by reference, alone or with a description beside it.
    fn resolved<'a>(&'a self, mut schema: &'a Json) -> &'a Json {
        for _ in 0..DEPTH {
            let only = schema
                .get("allOf")
                .and_then(Json::as_array)
                .and_then(|all| match all.as_slice() {
                    [one] => Some(one),
                    _ => None,
                });
            let named = only.unwrap_or(schema).get("$ref").and_then(Json::as_str);
            let found = named.and_then(|name| {
                self.schemas
                    .get(name.strip_prefix("#/components/schemas/")?)
            });
            match found {
                Some(found) => schema = found,
                None => return schema,
            }
        }
        schema
    }
}

impl Schemas {
    /// Adds the description of a group and version: an OpenAPI document.
    pub fn add(&mut self, version: &str, document: Json) {
        let document = Document::of(document, version);
        self.documents.insert(version.to_owned(), document);
    }

    /// What is wrong with an object; nothing where nothing is known of its kind.
    #[must_use]
    pub fn mistakes(&self, object: &Json) -> Vec<Mistake> {
        let text = |field: &str| object.get(field).and_then(Json::as_str);
        let found = text("apiVersion")
            .zip(text("kind"))
            .and_then(|(version, kind)| {
                let document = self.documents.get(version)?;
                let schema = document.schemas.get(document.kinds.get(kind)?)?;
                Some((document, schema))
            });
        let Some((document, schema)) = found else {
            return Vec::new();
        };
        let mut walk = Walk {
            document,
            path: Vec::new(),
            told: Vec::new(),
        };
        walk.value(schema, object);
        walk.told
    }
}

struct Walk<'a> {
    document: &'a Document,
    path: Vec<String>,
    told: Vec<Mistake>,
}

impl Walk<'_> {
    fn tell(&mut self, what: &str) {
        self.mistake(what, false);
    }

    fn mistake(&mut self, what: &str, is_missing: bool) {
        if self.told.len() < MOST {
            let what = format!("`{}` {what}", self.path.join("."));
            self.told.push(Mistake { what, is_missing });
        }
    }

    fn inside(&mut self, name: &str, schema: &Json, value: &Json) {
        self.path.push(name.to_owned());
        self.value(schema, value);
        self.path.pop();
    }

    fn value(&mut self, schema: &Json, value: &Json) {
        // What is null is not said.
        if value.is_null() || self.path.len() > DEPTH {
            return;
        }
        let document = self.document;
        let schema = document.resolved(schema);
        let says = |what: &str| schema.get(what).and_then(Json::as_bool) == Some(true);
        let format = schema.get("format").and_then(Json::as_str);
        if says("x-kubernetes-int-or-string") || format == Some("int-or-string") {
            if !value.is_string() && !value.is_i64() && !value.is_u64() {
                self.tell("takes a whole number or a text");
            }
            return;
        }
        // Of several types, as quantities are: any will do.
        if ["oneOf", "anyOf", "allOf"]
            .iter()
            .any(|several| schema.get(several).is_some())
        {
            return;
        }
        let wanted = match schema.get("type").and_then(Json::as_str) {
            Some("object") => return self.object(schema, value),
            Some("array") => return self.array(schema, value),
            Some("string") => value.is_string().then_some(()).ok_or("takes a text"),
            Some("integer") => {
                let whole = value.is_i64() || value.is_u64();
                whole.then_some(()).ok_or("takes a whole number")
            }
            Some("number") => value.is_number().then_some(()).ok_or("takes a number"),
            Some("boolean") => value
                .is_boolean()
                .then_some(())
                .ok_or("takes true or false"),
            _ => Ok(()),
        };
        if let Err(wanted) = wanted {
            return self.tell(wanted);
        }
        let words = schema.get("enum").and_then(Json::as_array);
        if let Some(words) = words.filter(|words| !words.contains(value)) {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            self.tell(&format!("takes {}, not {value}", words.join(" or ")));
        }
    }

    fn array(&mut self, schema: &Json, value: &Json) {
        let Some(values) = value.as_array() else {
            return self.tell("takes a list");
        };
        if let Some(of) = schema.get("items") {
            for (index, value) in values.iter().enumerate() {
                self.inside(&index.to_string(), of, value);
            }
        }
    }

    fn object(&mut self, schema: &Json, value: &Json) {
        let Some(fields) = value.as_object() else {
            return self.tell("takes an object");
        };
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        let open = schema
            .get("x-kubernetes-preserve-unknown-fields")
            .and_then(Json::as_bool)
            == Some(true);
        for (name, value) in fields {
            match (properties.and_then(|known| known.get(name)), others) {
                (Some(schema), _) => self.inside(name, schema, value),
                (None, Some(schema @ Json::Object(_))) => self.inside(name, schema, value),
                (None, None) if properties.is_some() && !open => {
                    self.path.push(name.clone());
                    self.tell("is no field that the cluster knows");
                    self.path.pop();
                }
                (None, _) => {}
            }
        }
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            // A default may stand in for what is not said.
            let has_default = properties
                .and_then(|known| known.get(name))
                .is_some_and(|schema| schema.get("default").is_some());
            if !fields.contains_key(name) && !has_default {
                self.path.push(name.to_owned());
                self.mistake("is missing", true);
                self.path.pop();
            }
        }
    }
}

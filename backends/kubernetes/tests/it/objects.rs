//! The types of Kubernetes' objects in the standard library (`std.objects.kubernetes`) are made of
//! the OpenAPI description of Kubernetes, as the sources of `k8s-openapi` have it: they are read from
//! where cargo has them, without a network. `INSTA_UPDATE=always` writes the file anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The objects that something can be said to. Only those of a namespace: what a whole cluster shares
/// is no app's. Secrets are not among them, since no file holds their values.
const OBJECTS: [&str; 18] = [
    "api::apps::v1::Deployment",
    "api::apps::v1::StatefulSet",
    "api::apps::v1::DaemonSet",
    "api::autoscaling::v2::HorizontalPodAutoscaler",
    "api::batch::v1::Job",
    "api::batch::v1::CronJob",
    "api::core::v1::ConfigMap",
    "api::core::v1::LimitRange",
    "api::core::v1::PersistentVolumeClaim",
    "api::core::v1::Pod",
    "api::core::v1::ResourceQuota",
    "api::core::v1::Service",
    "api::core::v1::ServiceAccount",
    "api::networking::v1::Ingress",
    "api::networking::v1::NetworkPolicy",
    "api::policy::v1::PodDisruptionBudget",
    "api::rbac::v1::Role",
    "api::rbac::v1::RoleBinding",
];

/// What the cluster writes into the metadata of objects.
const WRITTEN_BY_THE_CLUSTER: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

const HEAD: &str = "\
// The objects of Kubernetes 1.34, made of its OpenAPI description (Apache 2.0, the Kubernetes
// authors) by `backends/kubernetes/tests/it/objects.rs`. Every field is optional: a patch says a part.
// What the cluster itself writes is left out. A quantity is a text, as Kubernetes writes it.

/// A number, or a text: `80`, `\"http\"`, `\"25%\"`.
pub type IntOrString =
    implicit number(value: Int)
    | implicit text(value: String)

/// Whatever JSON can say: where a definition leaves open what stands there.
pub type Json =
    implicit flag(value: Bool)
    | implicit number(value: Int)
    | implicit decimal(value: Decimal)
    | implicit text(value: String)
    | implicit list(value: [Json])
    | implicit fields(value: Map<Json>)
";

#[test]
fn the_types_of_objects_are_those_of_kubernetes() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib/objects/kubernetes/objects.plat");
    let made = Sources::read(&sources().join("src/v1_34")).types();
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        fs::write(&file, &made).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept == made,
        "{} is not what the sources say: run this test with INSTA_UPDATE=always",
        file.display()
    );
}

/// Where cargo has the sources of `k8s-openapi`.
fn sources() -> PathBuf {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap();
    let found = packages.iter().find(|p| p["name"] == "k8s-openapi");
    let manifest = found.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).parent().unwrap().to_owned()
}

/// One type of the sources.
struct Source {
    name: String,
    doc: String,
    /// The name in documents, and the type in Rust.
    fields: Vec<(String, String)>,
    version: Option<String>,
}

/// The types of the sources by their paths in Rust.
struct Sources(BTreeMap<String, Source>);

impl Sources {
    fn read(root: &Path) -> Self {
        let mut types = BTreeMap::new();
        let mut dirs = vec![root.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if let Some(source) = Source::read(&fs::read_to_string(&path).unwrap()) {
                    let module = path.parent().unwrap().strip_prefix(root).unwrap();
                    let module = module.to_str().unwrap().replace('/', "::");
                    types.insert(format!("{module}::{}", source.name), source);
                }
            }
        }
        Self(types)
    }

    /// The objects, and all types that they are made of.
    fn types(&self) -> String {
        let mut text = HEAD.to_owned();
        let mut needed = VecDeque::from(OBJECTS.map(str::to_owned));
        let mut seen = BTreeSet::new();
        let mut parts = BTreeMap::new();
        while let Some(path) = needed.pop_front() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let source = &self.0[&path];
            let is_object = OBJECTS.contains(&path.as_str());
            let mut fields = String::new();
            if is_object {
                let version = source.version.as_deref().unwrap();
                for (field, value) in [("apiVersion", version), ("kind", &source.name)] {
                    writeln!(fields, "    {field}: \"{value}\" = \"{value}\"").unwrap();
                }
            }
            for (field, ty) in &source.fields {
                let is_metadata = source.name == "ObjectMeta";
                if field == "status" && is_object
                    || is_metadata && WRITTEN_BY_THE_CLUSTER.contains(&field.as_str())
                {
                    continue;
                }
                let ty = self.ty(ty, &mut needed);
                writeln!(fields, "    {field}: {ty}?").unwrap();
            }
            let doc = match source.doc.as_str() {
                "" => String::new(),
                doc => format!("/// {doc}\n"),
            };
            let made = format!("\n{doc}pub type {} = {{\n{fields}}}\n", source.name);
            if is_object {
                text += &made;
            } else {
                let other = parts.insert(source.name.clone(), made);
                assert!(other.is_none(), "two types are named {}", source.name);
            }
        }
        text + &parts.into_values().collect::<String>()
    }

    /// A type of Rust as one of plat. Those of Kubernetes that it is made of are needed too.
    fn ty(&self, rust: &str, needed: &mut VecDeque<String>) -> String {
        let inside = |of: &str| Some(rust.strip_prefix(of)?.strip_suffix('>')?.to_owned());
        for wrapper in ["Option<", "std::boxed::Box<"] {
            if let Some(inner) = inside(wrapper) {
                return self.ty(&inner, needed);
            }
        }
        if let Some(inner) = inside("std::vec::Vec<") {
            return format!("[{}]", self.ty(&inner, needed));
        }
        if let Some(inner) = inside("std::collections::BTreeMap<std::string::String, ") {
            return format!("Map<{}>", self.ty(&inner, needed));
        }
        let name = match rust {
            "std::string::String" => "String",
            "i32" | "i64" => "Int",
            "bool" => "Bool",
            "f64" => "Decimal",
            other => match other.rsplit("::").next().unwrap() {
                "Quantity" | "Time" | "MicroTime" | "ByteString" => "String",
                "IntOrString" => "IntOrString",
                name => {
                    let path = other.strip_prefix("crate::").unwrap();
                    assert!(self.0.contains_key(path), "no type is known for {other}");
                    needed.push_back(path.to_owned());
                    name
                }
            },
        };
        name.to_owned()
    }
}

impl Source {
    /// The type that a file defines, if it is a structure of the description.
    fn read(text: &str) -> Option<Self> {
        text.strip_prefix("// Generated from definition ")?;
        let (before, rest) = text.split_once("\npub struct ")?;
        let (name, rest) = rest.split_once(" {\n")?;
        let (body, _) = rest.split_once("\n}\n")?;
        // `"apiVersion" => Field::Key_api_version,`
        let keys: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| {
                let (name, key) = line.trim().split_once(" => Field::Key_")?;
                Some((key.strip_suffix(',')?, name.trim_matches('"')))
            })
            .collect();
        let fields = body.lines().filter_map(|line| {
            let (field, ty) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
            let name = keys.get(field)?;
            Some(((*name).to_owned(), ty.trim_end_matches(',').to_owned()))
        });
        let doc = before.lines().find_map(|line| line.strip_prefix("/// "));
        let version = text
            .lines()
            .find_map(|line| {
                line.trim()
                    .strip_prefix("const API_VERSION: &'static str = \"")
            })
            .and_then(|rest| rest.strip_suffix("\";"));
        Some(Self {
            name: name.to_owned(),
            doc: plat_kubernetes::import::sentence(doc.unwrap_or_default()),
            fields: fields.collect(),
            version: version.map(str::to_owned),
        })
    }
}

//! The program as files in a directory, and nothing else: what `platc` adds to the server is not
//! measured here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plat_ide::{CaseShape, Graph, PackageInput, Project};
use plat_lsp::{Below, Host, Loaded, Planned};
use plat_semantics::parse_manifest;

/// The directory.
pub struct Fleet(pub PathBuf);

impl Host for Fleet {
    fn version(&self) -> &str {
        "0"
    }

    fn real_path(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn root_of(&self, path: &Path) -> Option<PathBuf> {
        path.starts_with(&self.0).then(|| self.0.clone())
    }

    fn packages_below(&self, dir: &Path) -> Below {
        Below {
            roots: self.root_of(dir).into_iter().collect(),
            all: true,
        }
    }

    fn load(
        &self,
        root: &Path,
        open: &dyn Fn(&Path) -> Option<Arc<str>>,
    ) -> Result<Loaded, String> {
        let mut files = Vec::new();
        for dir in ["platform", "services"] {
            for entry in fs::read_dir(root.join(dir)).unwrap() {
                let path = entry.unwrap().path();
                let text = match open(&path) {
                    Some(open) => open.to_string(),
                    None => fs::read_to_string(&path).unwrap(),
                };
                let inside = path.strip_prefix(root).unwrap();
                files.push((inside.to_str().unwrap().to_owned(), text));
            }
        }
        let package = PackageInput {
            manifest: parse_manifest(plat_bench::MANIFEST).unwrap(),
            files,
            ..PackageInput::default()
        };
        Ok(Loaded {
            project: Project {
                packages: vec![package],
            },
            dirs: BTreeMap::from([("fleet".to_owned(), root.to_owned())]),
            ..Loaded::default()
        })
    }

    fn read_data(&self, _: &Path, _: &str) -> Result<String, String> {
        Err("there is none".to_owned())
    }

    fn plan(&self, _: &Path, _: &Graph, _: &[CaseShape]) -> Result<Planned, String> {
        Ok(Planned::default())
    }

    fn committed(&self, _: &Path, _: &[String]) -> Vec<(String, String)> {
        Vec::new()
    }

    fn applied(&self, _: &Path, _: &str, _: &str) -> Option<Graph> {
        None
    }

    fn has_manifests(&self, _: &str) -> bool {
        false
    }

    fn becomes(&self, _: &Path, _: &Graph, _: &str) -> Result<String, String> {
        Ok(String::new())
    }

    fn library(&self) -> Option<PathBuf> {
        None
    }
}

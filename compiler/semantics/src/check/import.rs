//! `import_json`, `import_yaml`, `read_text`: files of the package as values.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast;

use super::Checker;
use crate::data::{Reader, data_files, data_item, document, literal, package_path, problem_spot};
use crate::db::{SourceFile, Workspace, package_info};
use crate::diag::{Diag, Spot};
use crate::ir::ExprKind;
use crate::types::Ty;

/// What is said at the call, where the mistake is in the file.
const READ_HERE: &str = "it is read here";

impl<'db> Checker<'db> {
    /// The document as a literal of the language: checked like one, its mistakes at their places in the file.
    pub(super) fn import(
        &mut self,
        reader: Reader,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let poison = (ExprKind::Poison, Ty::Unknown);
        let Some((path, file)) = self.data_file(reader, node, args) else {
            return poison;
        };
        if reader == Reader::Text {
            return (ExprKind::Text(file.text(self.db).clone()), Ty::String);
        }
        let item = data_item(self.db, file, reader);
        if let Some(message) = &document(self.db, item).problem {
            let diag = Diag::error("E0520", problem_spot(item), message.clone());
            self.diags.push(diag.related(self.spot(node), READ_HERE));
            return poison;
        }
        let Some(value) = literal(self.db, item) else {
            return poison;
        };
        let mut inside = Checker::new(self.db, item);
        inside.purpose = format!("`{path}`");
        let (value, ty) = match hint.filter(|hint| !hint.is_unknown()) {
            Some(hint) => (inside.check(Some(value), hint), hint.clone()),
            None => inside.infer(value, None),
        };
        if !inside.diags.is_empty() {
            let here = self.spot(node);
            let told = inside.diags.into_iter();
            self.diags
                .extend(told.map(|diag| diag.related(here, READ_HERE)));
            return poison;
        }
        (ExprKind::Import(item, Box::new(value)), ty)
    }

    /// The file that a call names.
    fn data_file(
        &mut self,
        reader: Reader,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
    ) -> Option<(String, SourceFile)> {
        let name = reader.name();
        let [arg] = args else {
            let message = format!("`{name}` takes the path of one file");
            self.error("E0307", node, message);
            return None;
        };
        let text = match arg.value() {
            Some(ast::Expr::StringLit(text)) => text.plain(),
            _ => None,
        };
        let Some(text) = text else {
            let spot = self.spot(arg.node());
            let message =
                format!("the path for `{name}` is written out, as a text without `${{…}}`");
            self.diags.push(
                Diag::error("E0521", spot, message)
                    .help("which files a program is made of is known before it is evaluated"),
            );
            return None;
        };
        let spot = self.spot(arg.node());
        let Ok(path) = package_path(self.db, self.item.file(self.db), &text) else {
            let message = format!("`{text}` leads out of the package");
            self.diags.push(
                Diag::error("E0510", spot, message)
                    .help("paths are inside of the package, so that it can be built anywhere"),
            );
            return None;
        };
        let package = self.item.file(self.db).package(self.db).clone();
        let key = (package.clone(), Arc::<str>::from(path.as_str()));
        if let Some(file) = data_files(self.db).get(&key) {
            return Some((path, *file));
        }
        let diag = self.no_file(&text, &path, &package, spot);
        self.diags.push(diag);
        None
    }

    /// Why there is no such file.
    fn no_file(&self, text: &str, path: &str, package: &str, spot: Spot) -> Diag {
        let unread = Workspace::try_get(self.db).and_then(|workspace| {
            let mut unread = workspace.unread(self.db).iter();
            unread.find(|(of, file, _)| of.as_ref() == package && file.as_ref() == path)
        });
        if let Some((_, _, reason)) = unread {
            return Diag::error("E0520", spot, format!("`{path}` cannot be read: {reason}"));
        }
        let listing = package_info(self.db, package).map(|info| info.listing.clone());
        let listing = listing.unwrap_or_default();
        let dir = format!("{path}/");
        if listing.iter().any(|file| file.starts_with(&dir)) {
            return Diag::error(
                "E0510",
                spot,
                format!("`{text}` is a directory, not a file"),
            );
        }
        let diag = Diag::error(
            "E0510",
            spot,
            format!("there is no `{text}` in the package"),
        );
        let names: Vec<&str> = listing.iter().map(String::as_str).collect();
        match crate::suggest::nearest(path, names.iter().copied()) {
            Some(near) => diag.help(format!("there is `{near}`, from the package's root")),
            None => diag.help("paths are read from the directory of the file that says them"),
        }
    }
}

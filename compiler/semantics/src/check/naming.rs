//! How names are written: `snake_case` for what is declared, `UpperCamelCase` for types.

use plat_syntax::{Node, SyntaxKind, ast};

use super::Checker;
use crate::diag::Diag;

/// The two ways.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Snake,
    Camel,
}

impl<'db> Checker<'db> {
    /// Tells of names in the item that are written the other way.
    pub(super) fn naming(&mut self, root: Node<'db>) {
        for node in root.descendants() {
            let (case, what) = match node.kind() {
                SyntaxKind::TypeDef => (Case::Camel, "a type"),
                SyntaxKind::Kind => (Case::Snake, "a kind"),
                SyntaxKind::FnDef => (Case::Snake, "a function"),
                SyntaxKind::Let => (Case::Snake, "a value"),
                SyntaxKind::Decl => (Case::Snake, "a declaration"),
                SyntaxKind::Env => (Case::Snake, "an environment"),
                SyntaxKind::Policy => (Case::Snake, "a policy"),
                SyntaxKind::Test => (Case::Snake, "a test"),
                SyntaxKind::FieldDecl => (Case::Snake, "a field"),
                SyntaxKind::Out => (Case::Snake, "an out"),
                SyntaxKind::Param => (Case::Snake, "a parameter"),
                SyntaxKind::VariantCase => (Case::Snake, "a case"),
                _ => continue,
            };
            let Some(name) = node.children().find_map(ast::Name::cast) else {
                continue;
            };
            let text = name.text();
            if is_written(text, case) {
                continue;
            }
            let better = written(text, case);
            let spot = self.spot(name.node());
            let how = match case {
                Case::Snake => "in `snake_case`",
                Case::Camel => "in `UpperCamelCase`",
            };
            let message = format!("{what} is named {how}: write `{better}`, not `{text}`");
            self.diags
                .push(Diag::error("E0216", spot, message).rename(text, better));
        }
    }
}

fn is_written(name: &str, case: Case) -> bool {
    match case {
        Case::Snake => !name.chars().any(char::is_uppercase),
        Case::Camel => name.starts_with(char::is_uppercase) && !name.contains('_'),
    }
}

/// `webApp` as `web_app`, `HTTPServer` as `http_server`; `web_app` as `WebApp`.
fn written(name: &str, case: Case) -> String {
    match case {
        Case::Camel => name
            .split('_')
            .map(|word| {
                let mut letters = word.chars();
                let first = letters.next().map(|c| c.to_uppercase().to_string());
                first.unwrap_or_default() + letters.as_str()
            })
            .collect(),
        Case::Snake => {
            let letters: Vec<char> = name.chars().collect();
            let mut out = String::new();
            for (i, c) in letters.iter().enumerate() {
                let before = i.checked_sub(1).and_then(|i| letters.get(i));
                let begins = before.is_some_and(|b| {
                    let next_is_small = letters.get(i + 1).is_some_and(|n| n.is_lowercase());
                    b.is_lowercase() || b.is_numeric() || (b.is_uppercase() && next_is_small)
                });
                if c.is_uppercase() && begins && !out.ends_with('_') {
                    out.push('_');
                }
                out.extend(c.to_lowercase());
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, written};

    #[test]
    fn names_are_rewritten() {
        for (name, snake) in [
            ("webApp", "web_app"),
            ("HTTPServer", "http_server"),
            ("Api", "api"),
            ("api2Go", "api2_go"),
            ("Web_App", "web_app"),
            ("URL", "url"),
        ] {
            assert_eq!(written(name, Case::Snake), snake);
        }
        for (name, camel) in [
            ("web_app", "WebApp"),
            ("port", "Port"),
            ("Http_probe", "HttpProbe"),
        ] {
            assert_eq!(written(name, Case::Camel), camel);
        }
    }
}

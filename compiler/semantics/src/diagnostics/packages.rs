//! The codes of packages.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0801",
        title: "no plat.toml",
        text: r#"A package is a directory with a `plat.toml`:

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
```
"#,
    },
    Explanation {
        code: "E0802",
        title: "no such edition",
        text: r#"The edition fixes the defaults of `std`, so that a new version of plat changes nothing in what runs.
"#,
    },
    Explanation {
        code: "E0803",
        title: "no such package",
        text: r#"`use` begins with the name of a package: one's own, `std`, or one of `[dependencies]`.

```plat
//- /main.plat
app shop

use acmee.{web_app}

env dev { target = local {} }
```

Repaired:

```plat
//- /main.plat
app shop

use acme.{cluster}

env dev { target = cluster }
//- package acme
//- /targets.plat
pub let cluster = local {}
```
"#,
    },
    Explanation {
        code: "E0804",
        title: "not built yet",
        text: r#"Dependencies come from a directory for now: `acme = { path = "../acme" }`.
"#,
    },
];

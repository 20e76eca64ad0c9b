//! The codes of packages.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0801",
        title: "what a plat.toml is",
        text: r#"A package is a directory with a `plat.toml`. This has the wrong name, and an edition that is no text:

```toml
[package]
name = "Shop"
version = "1.0.0"
edition = 2026
```

Repaired:

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
description = "Whatever it is for"

[dependencies]
acme = { path = "../acme" }
```
"#,
    },
    Explanation {
        code: "E0802",
        title: "no such edition",
        text: r#"The edition fixes the defaults of `std`, so that a new version of plat changes nothing in what runs.

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "1984"
```

Repaired:

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
```
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
        code: "E0805",
        title: "no version",
        text: r#"A version has three numbers, and means what semver.org says.

```toml
[package]
name = "shop"
version = "1.4"
edition = "2026"
```

Repaired:

```toml
[package]
name = "shop"
version = "1.4.0"
edition = "2026"
```
"#,
    },
    Explanation {
        code: "E0806",
        title: "a dependency that says too little, too much, or another name",
        text: r#"A dependency says where it comes from, in one of three ways, and is called as it calls itself. A path leads to a directory with a `plat.toml`.

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"

[dependencies]
acme = "2.3.0"
```

Repaired:

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"

[dependencies]
acme = { git = "https://git.acme.example/platform.git", rev = "v2.3.0" }
tools = { path = "../tools" }
base = { oci = "registry.acme.example/platform/base:1.0.0" }
```
"#,
    },
    Explanation {
        code: "E0807",
        title: "packages in a circle",
        text: r#"A package builds on others, and never on itself, over others neither.

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"

[dependencies]
shop = { path = "../shop" }
```

Repaired:

```toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
```
"#,
    },
    Explanation {
        code: "E0808",
        title: "two packages of one name",
        text: r#"A program has one package of a name, in one version, so that a type of it is the same type everywhere. Two dependencies want different ones: let them want the same, or update the one that is behind.
"#,
    },
    Explanation {
        code: "E0804",
        title: "a package that is not what plat.lock says",
        text: r#"`plat.lock` has the hash of what is in each package that was fetched. It is compared each time the package is used. Where it differs, somebody changed the copy on this machine (`platc fetch` fetches it again), or what is given out under that commit or tag is no longer what it was: then ask who keeps it before you say `platc fetch --update`.
"#,
    },
    Explanation {
        code: "E0809",
        title: "a dependency that is not locked",
        text: r#"A package from git or from a registry is used as `plat.lock` has it, so that the same source gives the same graph everywhere. The lock has none for this dependency, or one from elsewhere: `platc fetch` fetches it and writes `plat.lock`. Keep that file in version control.
"#,
    },
    Explanation {
        code: "E0810",
        title: "a package that is not on this machine",
        text: r#"Nothing but `platc fetch` asks the network. It fetches what `plat.lock` has into the cache of the user, once for all programs.
"#,
    },
];

//! The codes of labels.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0401",
        title: "a secret would get out",
        text: r#"A secret flows only where secrets are accepted: an environment variable, a file, another secret. Never into a name, a label, an argument or a plain field, where it would be seen in plans, logs and process lists.

```plat
secret token

worker mailer {
    run    = image("ghcr.io/acme/mailer:1.0.0")
    labels = { token = token }
}
```

Repaired:

```plat
secret token

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { TOKEN = token }
}
```
"#,
    },
    Explanation {
        code: "E0402",
        title: "deciding by a secret",
        text: r#"What there is, and how much of it, can be read by anybody who sees the plan. So it may not depend on a secret.

```plat
secret token

let guarded = token.value == "none"
```

Repaired:

```plat
secret token

let guarded = true
```
"#,
    },
    Explanation {
        code: "E0403",
        title: "known only after apply",
        text: r#"The value is there only once something was applied (the address of a database). It may flow into values, not into the shape of the app: a count, a key, a condition, a name.

```plat
postgres db {}

if db.host == "localhost" {
    redis cache {}
}
```

Repaired:

```plat
postgres db {}

if environment.name == "dev" {
    redis cache {}
}
```
"#,
    },
    Explanation {
        code: "E0404",
        title: "given by the target",
        text: r#"The value is a declaration's address or the like: the target gives it, so it can be passed on, but not compared, cut or counted with.

```plat
service api { run = image("ghcr.io/acme/api:1.0.0") }

let port_part = split(api.url, ":")

worker caller {
    run = image("ghcr.io/acme/caller:1.0.0")
    env = { PORT = join(port_part, "-") }
}
```

Repaired:

```plat
service api { run = image("ghcr.io/acme/api:1.0.0") }

worker caller {
    run = image("ghcr.io/acme/caller:1.0.0")
    env = { PORT = api.port }
}
```
"#,
    },
    Explanation {
        code: "E0405",
        title: "cannot be encoded piece by piece",
        text: r#"Text around a value that is not known yet is kept in pieces, and each piece is encoded by itself. Base64 of the whole is not the pieces put together.

```plat
postgres db {}

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { AUTH = base64("user:${db.password}") }
}
```

Repaired:

```plat
postgres db {}

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { AUTH = base64(db.password) }
}
```
"#,
    },
];

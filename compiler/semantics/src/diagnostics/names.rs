//! The codes of names.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0201",
        title: "nothing of that name",
        text: r#"The name is not that of a declaration, a `let`, a kind, a function or a variable that can be seen from here. Names are looked up in this order: variables and inputs around the place, the files of the same directory, what `use` brings, and `std`.

```plat
postgers db {}
```

Repaired:

```plat
postgres db {}
```
"#,
    },
    Explanation {
        code: "E0202",
        title: "no such module",
        text: r#"`use` names a directory of a package, with dots for slashes. That package has no such directory, or no plat file in it.

```plat
//- /main.plat
app shop

use app.targets.{eu}

env dev { target = local {} }
```

Repaired:

```plat
//- /main.plat
app shop

use app.targets.{eu}

env dev { target = eu }
//- /targets/targets.plat
pub let eu = local {}
```
"#,
    },
    Explanation {
        code: "E0203",
        title: "a module has no such name",
        text: r#"The module that `use` names defines nothing of this name.

```plat
//- /main.plat
app shop

use app.targets.{eu_cluter}

env dev { target = local {} }
//- /targets/targets.plat
pub let eu_cluster = local {}
```

Repaired:

```plat
//- /main.plat
app shop

use app.targets.{eu_cluster}

env dev { target = eu_cluster }
//- /targets/targets.plat
pub let eu_cluster = local {}
```
"#,
    },
    Explanation {
        code: "E0204",
        title: "not public",
        text: r#"Only what is marked `pub` can be used by other packages.

```plat
//- /main.plat
app shop

use acme.{cluster}

env dev { target = local {} }
//- package acme
//- /targets.plat
let cluster = local {}
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
        code: "E0205",
        title: "no such type",
        text: r#"The name is neither that of a type (`Bool`, `Int`, `Decimal`, `String`, `Bytes`, …), nor of a kind, nor defined with `type`.

```plat
let size: Byte = 5GiB
```

Repaired:

```plat
let size: Bytes = 5GiB
```
"#,
    },
    Explanation {
        code: "E0206",
        title: "defined twice",
        text: r#"A name stands for one thing in its namespace. Kinds, types and values (declarations, `let`, `fn`) are separate namespaces, so a kind and a declaration may share a name.

```plat
let tier = "gold"
let tier = "silver"
```

Repaired:

```plat
let tier  = "gold"
let tiers = ["gold", "silver"]
```
"#,
    },
    Explanation {
        code: "E0207",
        title: "no such field",
        text: r#"The kind, the record or the environment has no field of this name. What a kind has is in its documentation; a field's name may also be one of its contents, for a kind made of others.

```plat
service api {
    run  = image("ghcr.io/acme/api:1.0.0")
    scal = 2
}
```

Repaired:

```plat
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    scale = 2
}
```
"#,
    },
    Explanation {
        code: "E0208",
        title: "nothing of that name to read",
        text: r#"The value has no such part. A declaration gives its outs and its inputs; a record its fields; a family is picked from by its key first.

```plat
postgres db {}

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { DATABASE_URL = db.ur }
}
```

Repaired:

```plat
postgres db {}

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { DATABASE_URL = db.url }
}
```
"#,
    },
    Explanation {
        code: "E0209",
        title: "given twice",
        text: r#"A field, an entry or an argument is given once.

```plat
redis cache {
    memory = 64MiB
    memory = 128MiB
}
```

Repaired:

```plat
redis cache { memory = 128MiB }
```
"#,
    },
    Explanation {
        code: "E0210",
        title: "no such unit",
        text: r#"The unit is not one of `std`, nor declared with `unit`. There is no space between a number and its unit.

```plat
let size = 5GIB
```

Repaired:

```plat
let size = 5GiB
```
"#,
    },
    Explanation {
        code: "E0211",
        title: "no such environment",
        text: r#"No `env` of this name can be seen from here.

```plat
env dev { target = local {} }
env staging { extends = def }
```

Repaired:

```plat
env dev { target = local {} }
env staging { extends = dev }
```
"#,
    },
    Explanation {
        code: "E0212",
        title: "no such function",
        text: r#"There is no function of this name: neither one declared with `fn`, nor one of the library, nor a case of the type that is wanted here.

```plat
redis cache { memory = 64MiB }

service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    ready = htp("/healthz")
}
```

Repaired:

```plat
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    ready = http("/healthz")
}
```
"#,
    },
    Explanation {
        code: "E0213",
        title: "no such argument",
        text: r#"The function or case has no parameter of this name.

```plat
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    ready = http("/healthz", evry: 5s)
}
```

Repaired:

```plat
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    ready = http("/healthz", every: 5s)
}
```
"#,
    },
    Explanation {
        code: "E0214",
        title: "not the value of a unit",
        text: r#"A unit is a base of its own (`unit widget`), or so many of another unit (`unit dozen = 12widget`).

```plat
unit widget
unit dozen = 12
```

Repaired:

```plat
unit widget
unit dozen = 12widget
```
"#,
    },
    Explanation {
        code: "E0215",
        title: "not there in the app",
        text: r#"A path in `set`, `place`, `omit`, `leave` or `waive` begins with a declaration of the app, or with one of its inputs.

```plat
redis cache {}

env dev {
    target = local {}
    set    = { cahce.memory = 64MiB }
}
```

Repaired:

```plat
redis cache {}

env dev {
    target = local {}
    set    = { cache.memory = 64MiB }
}
```
"#,
    },
    Explanation {
        code: "E0216",
        title: "a name written the other way",
        text: r#"Types are named in `UpperCamelCase` (`TeamName`), everything else in `snake_case` (`web_port`), so that one sees in every line what is what, and so that the external names made of them are names everywhere.

```plat
let webPort = 8080
```

Repaired:

```plat
let web_port = 8080
```
"#,
    },
    Explanation {
        code: "E0217",
        title: "an object that the target does not have",
        text: r#"What is said to a target in its own words names one of its objects. Those that are known here are typed; another one is written with its API before it, and taken as it is.

```plat
service api {
    run = image("ghcr.io/acme/api:1.0.0")
    raw = [kubernetes.patch("Deploymnet", { spec = { minReadySeconds = 10 } })]
}
```

Repaired:

```plat
service api {
    run = image("ghcr.io/acme/api:1.0.0")
    raw = [kubernetes.patch("Deployment", { spec = { minReadySeconds = 10 } })]
}
```
"#,
    },
];

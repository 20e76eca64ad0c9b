//! The codes of evaluation.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0501",
        title: "depends on itself",
        text: r#"Values that wait for each other are never there. References between declarations (`db.url`) are no waiting: they may go in circles.

```plat
let a: Int = b + 1
let b: Int = a + 1
```

Repaired:

```plat
let a: Int = 1
let b: Int = a + 1
```
"#,
    },
    Explanation {
        code: "E0502",
        title: "a number that does not fit",
        text: r#"Numbers are exact fractions of 128-bit integers. What does not fit is an error, never rounded; so is a division by zero.

```plat
let part = 1 / (2 - 2)
```

Repaired:

```plat
let part = 1 / (2 + 2)
```
"#,
    },
    Explanation {
        code: "E0503",
        title: "nothing at that key",
        text: r#"The map, the list or the family has no such entry.

```plat
let sizes = [1MiB, 2MiB]

redis cache { memory = sizes[2] }
```

Repaired:

```plat
let sizes = [1MiB, 2MiB]

redis cache { memory = sizes[1] }
```
"#,
    },
    Explanation {
        code: "E0504",
        title: "too much",
        text: r#"A program says what it makes, and how much that may be is limited, so that a slip ends in a sentence and not in a machine that stands still.

```plat
redis cache { memory = length([for a in 1..2000: [for b in 1..2000: a]]) * 1MiB }
```

Repaired:

```plat
redis cache { memory = length([for a in 1..200: a]) * 1MiB }
```
"#,
    },
    Explanation {
        code: "E0505",
        title: "a function that calls itself",
        text: r#"There is no recursion: everything ends. Lists are gone over by comprehensions.

```plat
fn count(n: Int): Int = if n == 0 then 0 else count(n - 1)

redis cache { memory = count(3) * 1MiB }
```

Repaired:

```plat
redis cache { memory = length([1, 2, 3]) * 1MiB }
```
"#,
    },
    Explanation {
        code: "E0506",
        title: "an empty key",
        text: r#"A key is part of the address of a declaration, so it says something.

```plat
for name in [""] {
    redis cache[name] {}
}
```

Repaired:

```plat
for name in ["a"] {
    redis cache[name] {}
}
```
"#,
    },
    Explanation {
        code: "E0507",
        title: "two of one name",
        text: r#"Two declarations have the same address, or the same name outside (a path with `-` for `_` and `.`, unless `name` says otherwise).

```plat
for name in ["a", "a"] {
    redis cache[name] {}
}
```

Repaired:

```plat
for name in ["a", "b"] {
    redis cache[name] {}
}
```
"#,
    },
    Explanation {
        code: "E0508",
        title: "an empty range",
        text: r#"The lower end of a range is not above the upper one.

```plat
worker mailer {
    run   = image("ghcr.io/acme/mailer:1.0.0")
    scale = 5..2
}
```

Repaired:

```plat
worker mailer {
    run   = image("ghcr.io/acme/mailer:1.0.0")
    scale = 2..5
}
```
"#,
    },
    Explanation {
        code: "E0509",
        title: "nothing there to set",
        text: r#"A path in `set` leads into a value that has no such part, because it is another case of its type.

```plat
worker mailer { run = image("ghcr.io/acme/mailer:1.0.0") }

env dev {
    target = local {}
    set    = { mailer.scale.cpu = 50% }
}
```

Repaired:

```plat
worker mailer {
    run   = image("ghcr.io/acme/mailer:1.0.0")
    scale = 1..3
}

env dev {
    target = local {}
    set    = { mailer.scale.cpu = 50% }
}
```
"#,
    },
    Explanation {
        code: "E0510",
        title: "not in the package",
        text: r#"Files and directories are named from the file that speaks of them, and lie inside of the package.

```plat
site front { files = "./missing" }
```

Repaired:

```plat
site front { files = "./dist" }
```
"#,
    },
    Explanation {
        code: "E0511",
        title: "a value its type refuses",
        text: r#"The type has a condition (`where …`), and the value does not satisfy it.

```plat
service api {
    run  = image("ghcr.io/acme/api:1.0.0")
    port = 70000
}
```

Repaired:

```plat
service api {
    run  = image("ghcr.io/acme/api:1.0.0")
    port = 7000
}
```
"#,
    },
    Explanation {
        code: "E0512",
        title: "no pattern",
        text: r#"The text is not a regular expression.

```plat
redis cache { keep = matches("a", "(") }
```

Repaired:

```plat
redis cache { keep = matches("a", "[ab]") }
```
"#,
    },
    Explanation {
        code: "E0513",
        title: "what a kind requires",
        text: r#"A kind may require something of its inputs together. It is reported at the declaration, which is what can be changed.

```plat
kind cluster {
    members: Int
    require members > 2 else "a cluster of ${members} cannot vote"
    redis store {}
}

cluster small { members = 2 }
```

Repaired:

```plat
kind cluster {
    members: Int
    require members > 2 else "a cluster of ${members} cannot vote"
    redis store {}
}

cluster small { members = 3 }
```
"#,
    },
    Explanation {
        code: "E0514",
        title: "an order that goes in a circle",
        text: r#"What comes `after` something, or reads what is known only once that was applied, waits for it. Those that wait for each other never begin.

```plat
job first {
    run   = image("ghcr.io/acme/first:1.0.0")
    after = [second]
}

job second {
    run   = image("ghcr.io/acme/second:1.0.0")
    after = [first]
}
```

Repaired:

```plat
job first { run = image("ghcr.io/acme/first:1.0.0") }

job second {
    run   = image("ghcr.io/acme/second:1.0.0")
    after = [first]
}
```
"#,
    },
    Explanation {
        code: "E0520",
        title: "a file that cannot be read",
        text: r#"A file that the source names is not what it is read as: no JSON, no YAML, or no text at all. The place is the one in the file, and the call that reads it stands beside.

```plat
//- /main.plat
app shop
let limits = import_json("./limits.json")
env dev { target = local {} }
//- /limits.json
{ "rate": 5, }
```

Repaired:

```plat
//- /main.plat
app shop
let limits = import_json("./limits.json")
env dev { target = local {} }
//- /limits.json
{ "rate": 5 }
```
"#,
    },
    Explanation {
        code: "E0521",
        title: "a path that is calculated",
        text: r#"What a program is made of is known before it is evaluated: the path of a file that is read stands in the source.

```plat
//- /main.plat
app shop
let part = "limits"
let limits = import_json("./${part}.json")
env dev { target = local {} }
//- /limits.json
{ "rate": 5 }
```

Repaired:

```plat
//- /main.plat
app shop
let limits = import_json("./limits.json")
env dev { target = local {} }
//- /limits.json
{ "rate": 5 }
```
"#,
    },
    Explanation {
        code: "E0522",
        title: "no such address range",
        text: r#"`cidr_subnet` takes a range, how many bits longer the ranges in it are, and which of those is meant, counted from 0.

```plat
network inner { cidr = cidr_subnet("10.0.0.0/16", 8, 256) }
```

Repaired:

```plat
network inner { cidr = cidr_subnet("10.0.0.0/16", 8, 255) }
```
"#,
    },
    Explanation {
        code: "E0523",
        title: "what TOML cannot say",
        text: r#"A TOML document is a table. It has no word for `none`: an entry that is none is left out, an element of a list cannot be. Its whole numbers have 64 bits.

```plat
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    files = { "/etc/api.toml" = toml({ hosts = ["a", none] }) }
}
```

Repaired:

```plat
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    files = { "/etc/api.toml" = toml({ hosts = ["a"] }) }
}
```
"#,
    },
    Explanation {
        code: "W0501",
        title: "a key beside one of nearly the same name",
        text: r#"`with` changes entries of a map and adds others. This one is added, and there is one of nearly the same name: most likely that was to be changed.

```plat
let shared: Map<EnvValue> = { LOG_LEVEL = "info" }

service api {
    run = image("ghcr.io/acme/api:1.0.0")
    env = shared with { LOG_LEVLE = "debug" }
}
```

Repaired:

```plat
let shared: Map<EnvValue> = { LOG_LEVEL = "info" }

service api {
    run = image("ghcr.io/acme/api:1.0.0")
    env = shared with { LOG_LEVEL = "debug" }
}
```

Where both are meant, put the Map together: `{for part in [shared, mine] for k, v in part: "${k}" = v}`.
"#,
    },
    Explanation {
        code: "W0502",
        title: "an address written out where a reference is meant",
        text: r#"A workload reaches what it refers to, and nothing else. An address that is written out is no reference: the connection would be denied.

```plat
external stripe { url = "https://api.stripe.com" }

worker payments {
    run = image("ghcr.io/acme/payments:1.0.0")
    env = { STRIPE_URL = "https://api.stripe.com" }
}
```

Repaired:

```plat
external stripe { url = "https://api.stripe.com" }

worker payments {
    run = image("ghcr.io/acme/payments:1.0.0")
    env = { STRIPE_URL = stripe.url }
}
```

Where the address has to stay as it is written, `reach = [stripe]` permits the connection.
"#,
    },
    Explanation {
        code: "E0516",
        title: "the same, claimed twice",
        text: r#"Some things can be had by one declaration of an environment alone: a host and a path lead to one place. Of two that claim the same, which one answers would be left to chance. A kind lists what it has for itself in its `let claims`.

```plat
service api { run = image("ghcr.io/acme/api:1.0.0") }
service web { run = image("ghcr.io/acme/web:1.0.0") }

route one { host = "shop.example.com", paths = { "/" = web, "/api" = api } }
route two { host = "shop.example.com", paths = { "/api" = web } }
```

Repaired:

```plat
service api { run = image("ghcr.io/acme/api:1.0.0") }
service web { run = image("ghcr.io/acme/web:1.0.0") }

route one { host = "shop.example.com", paths = { "/" = web, "/api" = api } }
route two { host = "shop.example.com", paths = { "/api/v2" = web } }
```
"#,
    },
];

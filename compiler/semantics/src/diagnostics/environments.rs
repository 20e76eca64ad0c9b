//! The codes of environments and targets.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0601",
        title: "no such target",
        text: r#"A target is one of `std`'s (`local`, `kubernetes`, `metal`, `aws`), or a `let` that holds one.

```plat
env dev { target = locla {} }
```

Repaired:

```plat
env dev { target = local {} }
```
"#,
    },
    Explanation {
        code: "E0602",
        title: "paths that overlap",
        text: r#"Two paths of one `set` or `with` reach the same value: neither comes before the other.

```plat
redis cache {}

let base = { a = { b = 1 } }
let both = base with { a = { b = 2 }, a.b = 3 }
```

Repaired:

```plat
redis cache {}

let base = { a = { b = 1 } }
let both = base with { a.b = 3 }
```
"#,
    },
    Explanation {
        code: "E0603",
        title: "no target",
        text: r#"An environment says where it runs, itself or through what it extends. A `pub env` without a target is a base for others.

```plat
env dev { ttl = 3d }
```

Repaired:

```plat
env dev { target = local {} }
```
"#,
    },
    Explanation {
        code: "E0604",
        title: "inside of another package's kind",
        text: r#"From outside of its package, only the inputs of a kind can be set: what it is made of may change with its next version.

```plat
//- /main.plat
app shop

use acme.{cache_server}

cache_server cache {}

env dev {
    target = local {}
    set    = { cache.store.memory = 64MiB }
}
//- package acme
//- /kinds.plat
pub kind cache_server {
    redis store {}
}
```

Repaired:

```plat
//- /main.plat
app shop

use acme.{cache_server}

cache_server cache {}

env dev {
    target = local {}
    set    = { cache.memory = 64MiB }
}
//- package acme
//- /kinds.plat
pub kind cache_server {
    memory: Bytes = 256MiB
    redis store { memory = memory }
}
```
"#,
    },
    Explanation {
        code: "E0605",
        title: "environments in a circle",
        text: r#"An environment extends another one, down to one that extends none.

```plat
env a { extends = a }
env b { target = local {} }
```

Repaired:

```plat
env a { extends = b }
env b { target = local {} }
```
"#,
    },
    Explanation {
        code: "E0606",
        title: "not there in this environment",
        text: r#"The path names something that this environment does not have: it stands in an `if` or a `for` that does not make it here, or it is left out.

```plat
let search = false

if search {
    redis index {}
}

env dev {
    target = local {}
    set    = { index.memory = 64MiB }
}
```

Repaired:

```plat
let search = true

if search {
    redis index {}
}

env dev {
    target = local {}
    set    = { index.memory = 64MiB }
}
```
"#,
    },
    Explanation {
        code: "E0607",
        title: "left out, but used",
        text: r#"`omit` leaves a declaration out of an environment, and something else there still refers to it.

```plat
redis cache {}

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { CACHE = cache.url }
}

env dev {
    target = local {}
    omit   = [cache]
}
```

Repaired:

```plat
redis cache {}

worker mailer { run = image("ghcr.io/acme/mailer:1.0.0") }

env dev {
    target = local {}
    omit   = [cache]
}
```
"#,
    },
    Explanation {
        code: "E0608",
        title: "an input without a value",
        text: r#"The app has an input without a default, and the environment does not set it.

```plat
app shop { domain: String }

route public { host = domain }

env dev { target = local {} }
```

Repaired:

```plat
app shop { domain: String }

route public { host = domain }

env dev {
    target = local {}
    set    = { domain = "shop.localhost" }
}
```
"#,
    },
    Explanation {
        code: "E0609",
        title: "not a key of this family",
        text: r#"`env preview[pr: Int]` is a family: `preview[214]` is one of its members, and only a member can run or be extended. Each key is of its type.

```plat
redis cache {}

env preview[pr: Int] { target = local {} }
env shown { extends = preview }
```

Repaired:

```plat
redis cache {}

env preview[pr: Int] { target = local {} }
env shown { extends = preview[214] }
```
"#,
    },
    Explanation {
        code: "E0610",
        title: "the target has no such thing",
        text: r#"A target says what it cannot do, field by field; what is asked for and not there is an error here, not a surprise at apply.

```plat
vm legacy { image = "debian-12.qcow2" }
```

Repaired:

```plat
service legacy { run = process(["./serve"], dir: "./legacy") }
```
"#,
    },
    Explanation {
        code: "E0611",
        title: "two apps",
        text: r#"A package has one app; its files may stand in several directories.

```plat
//- /a.plat
app shop

env dev { target = local {} }
//- /b.plat
app town
```

Repaired:

```plat
//- /a.plat
app shop

env dev { target = local {} }
//- /b.plat
app shop
```
"#,
    },
    Explanation {
        code: "E0612",
        title: "no environment",
        text: r#"An app runs in environments, and this one has none.

```plat
//- /main.plat
app shop
```

Repaired:

```plat
//- /main.plat
app shop

env dev { target = local {} }
```
"#,
    },
    Explanation {
        code: "E0613",
        title: "belongs to no app",
        text: r#"A declaration stands in a file that says which app it belongs to.

```plat
//- /main.plat
redis cache {}
```

Repaired:

```plat
//- /main.plat
app shop

redis cache {}

env dev { target = local {} }
```
"#,
    },
    Explanation {
        code: "E0614",
        title: "environments that use each other's things",
        text: r#"`in(eu, db)` uses what the environment `eu` owns. If `eu` used something of this environment too, neither could be brought up first, and neither be taken down.

```plat
postgres db {}
redis cache {}

env eu {
    target = local {}
    place  = { cache = in(us, cache) }
}
env us {
    target = local {}
    place  = { db = in(eu, db) }
}
```

Repaired:

```plat
postgres db {}
redis cache {}

env eu { target = local {} }
env us {
    target = local {}
    place  = { db = in(eu, db), cache = in(eu, cache) }
}
```
"#,
    },
    Explanation {
        code: "E0615",
        title: "a rename that makes no sense",
        text: r#"`moved a to b` says that what is deployed as `a` is now `b`: so `a` is gone, `b` is there, and no other rename says otherwise.

```plat
redis sessions {}
redis cache {}

moved cache to sessions
```

Repaired:

```plat
redis sessions {}

moved cache to sessions
```
"#,
    },
    Explanation {
        code: "E0616",
        title: "it cannot be put there",
        text: r#"`on` picks one of the hosts of the environment's target, so that must have some, and this one among them. `existing` speaks of a single declaration that a backend makes.

```plat
redis cache {}

env rack {
    target = metal { hosts = ["rack1", "rack2"] }
    place  = { cache = on("rack3") }
}
```

Repaired:

```plat
redis cache {}

env rack {
    target = metal { hosts = ["rack1", "rack2"] }
    place  = { cache = on("rack2") }
}
```
"#,
    },
    Explanation {
        code: "E0617",
        title: "this is left to nobody",
        text: r#"`leave` hands a field of what runs to somebody else. What is made of other declarations runs only as those: say of which of them a field is left.

```plat
kind web_app {
    copies: Int = 2
    service server {
        run   = image("ghcr.io/acme/web:1.4.2")
        scale = copies
    }
}

web_app shop {}

env prod {
    target = kubernetes { context = "prod" }
    leave  = [shop.copies]
}
```

Repaired:

```plat
kind web_app {
    copies: Int = 2
    service server {
        run   = image("ghcr.io/acme/web:1.4.2")
        scale = copies
    }
}

web_app shop {}

env prod {
    target = kubernetes { context = "prod" }
    leave  = [shop.server.scale]
}
```
"#,
    },
    Explanation {
        code: "E0618",
        title: "too many environments in a row",
        text: r#"An environment is made of all those that it extends, so that a long row of them costs much and nobody sees what holds. At most 16 may follow each other.

```plat
env base { target = local {} }
env e1 { extends = base }
env e2 { extends = e1 }
env e3 { extends = e2 }
env e4 { extends = e3 }
env e5 { extends = e4 }
env e6 { extends = e5 }
env e7 { extends = e6 }
env e8 { extends = e7 }
env e9 { extends = e8 }
env e10 { extends = e9 }
env e11 { extends = e10 }
env e12 { extends = e11 }
env e13 { extends = e12 }
env e14 { extends = e13 }
env e15 { extends = e14 }
env e16 { extends = e15 }
env e17 { extends = e16 }
```

Repaired:

```plat
env base { target = local {} }
env e1 { extends = base }
env e2 { extends = e1 }
env e3 { extends = e2 }
env e4 { extends = e3 }
env e5 { extends = e4 }
env e6 { extends = e5 }
env e7 { extends = e6 }
env e8 { extends = e7 }
env e9 { extends = e8 }
env e10 { extends = e9 }
env e11 { extends = e10 }
env e12 { extends = e11 }
env e13 { extends = e12 }
env e14 { extends = e13 }
env e15 { extends = e14 }
env e16 { extends = e15 }
env e17 { extends = base }
```
"#,
    },
];

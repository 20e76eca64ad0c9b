//! The codes of policies and tests.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0701",
        title: "not a policy",
        text: r#"A policy speaks of a kind, of every `link`, `declaration`, or of the `environment`, and says what it requires.

```plat
policy named(x: Int) { require = true }
```

Repaired:

```plat
policy named(x: redis) { require = true }
```
"#,
    },
    Explanation {
        code: "E0702",
        title: "no such policy",
        text: r#"`waive` names a policy that is there.

```plat
redis cache {}

waive cahces_keep for cache { reason = "it is a cache" }
```

Repaired:

```plat
redis cache {}

policy caches_keep(c: redis) { require = c.keep }

waive caches_keep for cache { reason = "it is a cache" }
```
"#,
    },
    Explanation {
        code: "E0703",
        title: "a test fails",
        text: r#"What a `test` asserts is not so. Both sides are shown.

```plat
test counted { assert = 1 + 1 == 3 }
```

Repaired:

```plat
test counted { assert = 1 + 1 == 2 }
```
"#,
    },
    Explanation {
        code: "E0704",
        title: "a policy does not hold",
        text: r#"A policy of the app, or of a package that it uses, is broken. It is reported at the field that breaks it, with what the policy says.

```plat
redis cache { keep = false }

policy caches_keep(c: redis) {
    require = c.keep
    message = "`${c.name}` loses what it holds"
}
```

Repaired:

```plat
redis cache { keep = true }

policy caches_keep(c: redis) {
    require = c.keep
    message = "`${c.name}` loses what it holds"
}
```
"#,
    },
    Explanation {
        code: "E0705",
        title: "not a waiver",
        text: r#"`waive POLICY for X` says why, and if it is to end, on which day: `until = "2026-12-31"` is the last one.

```plat
redis cache {}

policy caches_keep(c: redis) { require = c.keep }

waive caches_keep for cache { reason = "it is a cache", until = "next year" }
```

Repaired:

```plat
redis cache {}

policy caches_keep(c: redis) { require = c.keep }

waive caches_keep for cache { reason = "it is a cache", until = "2026-12-31" }
```
"#,
    },
    Explanation {
        code: "E0706",
        title: "a waiver that has ended",
        text: r#"The day that a waiver gives as its last one, `until = "2026-12-31"`, is past. Meet the policy and take the waiver away, or decide anew and give it another day.

Evaluation knows no day, so that the same source always means the same: `platc check`, `test`, `plan`, `apply` and `up` bring today's date (UTC). `platc check --today 2027-01-31` tells which waivers will have ended by then.

```plat
redis cache {}

policy caches_keep(c: redis) { require = c.keep }

waive caches_keep for cache { reason = "until it is moved", until = "2020-01-01" }
```

Repaired:

```plat
redis cache { keep = true }

policy caches_keep(c: redis) { require = c.keep }
```
"#,
    },
    Explanation {
        code: "W0701",
        title: "a policy does not hold",
        text: r#"As E0704, for a policy that only warns (`severity = "warning"`).

```plat
redis cache {}

policy caches_keep(c: redis) {
    require  = c.keep
    severity = "warning"
}
```

Repaired:

```plat
redis cache { keep = true }

policy caches_keep(c: redis) {
    require  = c.keep
    severity = "warning"
}
```
"#,
    },
];

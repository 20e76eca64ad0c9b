//! The codes of types.

use plat_syntax::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        code: "E0301",
        title: "another type is wanted",
        text: r#"The value is not of the type that this place takes. Some things flow by themselves: `T` into `T?`, a literal into a union that has it, a declaration into what its implicit out gives, a plain value into an implicit case of a variant.

```plat
redis cache { keep = 3 }
```

Repaired:

```plat
redis cache { keep = true }
```
"#,
    },
    Explanation {
        code: "E0302",
        title: "not one of the words",
        text: r#"The type is a union of literals, and this is none of them.

```plat
redis cache { evict = "lur" }
```

Repaired:

```plat
redis cache { evict = "lru" }
```
"#,
    },
    Explanation {
        code: "E0303",
        title: "of different types",
        text: r#"The elements of a list, and the branches of `if` and `match`, have one type.

```plat
let sizes = [1, "two"]
```

Repaired:

```plat
let sizes = ["one", "two"]
```
"#,
    },
    Explanation {
        code: "E0304",
        title: "an operator that does not go there",
        text: r#"The operator is not defined between these types. Quantities are added only within one dimension; texts are put together by interpolation; only numbers, quantities and texts have an order.

```plat
let sum = 512MiB + 30s
```

Repaired:

```plat
let sum = 512MiB + 1GiB
```
"#,
    },
    Explanation {
        code: "E0305",
        title: "a field is missing",
        text: r#"A field without a default must be given, unless its type is optional.

```plat
cron report { run = image("ghcr.io/acme/report:1.0.0") }
```

Repaired:

```plat
cron report {
    run      = image("ghcr.io/acme/report:1.0.0")
    schedule = "0 6 * * MON"
}
```
"#,
    },
    Explanation {
        code: "E0306",
        title: "calling what is no function",
        text: r#"Only functions are called, and functions are only called: they are no values, unless written as `|x| …`.

```plat
let three = 3
let four  = three(1)
```

Repaired:

```plat
fn add_one(n: Int): Int = n + 1
let four = add_one(3)
```
"#,
    },
    Explanation {
        code: "E0307",
        title: "wrong arguments",
        text: r#"A function takes its parameters, in their order or by name. Those with a default, and optional ones, may be left out.

```plat
service api { run = image() }
```

Repaired:

```plat
service api { run = image("ghcr.io/acme/api:1.0.0") }
```
"#,
    },
    Explanation {
        code: "E0308",
        title: "it may be none",
        text: r#"The value is optional, and a part of it is read as if it were there. `?.` reads the part or gives `none`; `is some(x)` tests it.

```plat
app shop

let search = true

if search {
    redis index {}
}

worker indexer {
    run = image("ghcr.io/acme/indexer:1.0.0")
    env = { INDEX_URL = index.url }
}
```

Repaired:

```plat
app shop

let search = true

if search {
    redis index {}
}

worker indexer {
    run = image("ghcr.io/acme/indexer:1.0.0")
    env = { INDEX_URL = index?.url }
}
```
"#,
    },
    Explanation {
        code: "E0309",
        title: "a variant without a name",
        text: r#"Cases stand in a `type`, so that they have a name to be spoken of.

```plat
kind box { size: small | large(factor: Int) }
```

Repaired:

```plat
type Size = small | large(factor: Int)
kind box { size: Size }
```
"#,
    },
    Explanation {
        code: "E0310",
        title: "wrong type arguments",
        text: r#"`List`, `Map` and `Range` take one type, `Per` two types of quantities.

```plat
let names: Map<String, String> = {}
```

Repaired:

```plat
let names: Map<String> = {}
```
"#,
    },
    Explanation {
        code: "E0311",
        title: "a type defined by itself",
        text: r#"An alias leads back to itself, so it names nothing.

```plat
type A = B
type B = String?
type C = C?
```

Repaired:

```plat
type A = B
type B = String?
```
"#,
    },
    Explanation {
        code: "E0312",
        title: "a kind that cannot be made so",
        text: r#"A kind takes over an abstract kind, never itself, and never contains itself: everything ends.

```plat
kind tree {
    tree branch {}
}
```

Repaired:

```plat
kind tree {
    redis branch {}
}
```
"#,
    },
    Explanation {
        code: "E0313",
        title: "no such change",
        text: r#"Changing a field changes the running thing `in_place`, makes it anew (`replace`), or is allowed only upwards (`grow_only`).

```plat
kind disk { size: Bytes changes restart }
```

Repaired:

```plat
kind disk { size: Bytes changes grow_only }
```
"#,
    },
    Explanation {
        code: "E0314",
        title: "the type cannot be found",
        text: r#"The type of a `let` is that of its value. Where the value leads back to the `let`, there is none.

```plat
let a = [a]
```

Repaired:

```plat
let a: [Int] = [1]
```
"#,
    },
    Explanation {
        code: "E0315",
        title: "braces that do not fit",
        text: r#"A record's fields have names that are known; computed keys are for a Map. Paths of several steps stand in `with`, `set` and `place`. `with` changes a record or a map.

```plat
let base = { size = { width = 1 } }
let wide = { size.width = 2 }
```

Repaired:

```plat
let base = { size = { width = 1 } }
let wide = base with { size.width = 2 }
```
"#,
    },
    Explanation {
        code: "E0316",
        title: "reserved",
        text: r#"`live` values (metrics read while running) are reserved for a later version.

```plat
let load: live Int = 3
```

Repaired:

```plat
let load: Int = 3
```
"#,
    },
    Explanation {
        code: "E0317",
        title: "a declaration is no value",
        text: r#"A kind's name with braces is a declaration and stands by itself, with a name. Only targets are values of their own.

```plat
let cache = redis { memory = 64MiB }
```

Repaired:

```plat
redis cache { memory = 64MiB }
```
"#,
    },
    Explanation {
        code: "E0318",
        title: "nothing to go over",
        text: r#"`for` goes over a list, a map or a range.

```plat
let doubled = [for n in 3: n * 2]
```

Repaired:

```plat
let doubled = [for n in 1..3: n * 2]
```
"#,
    },
    Explanation {
        code: "E0319",
        title: "cases left out",
        text: r#"A `match` has an arm for each case, or `_` for the rest, so that a case that is added later is not forgotten.

```plat
type Tier = "gold" | "silver"
let tier: Tier = "gold"
let copies = match tier { "gold" => 3 }
```

Repaired:

```plat
type Tier = "gold" | "silver"
let tier: Tier = "gold"
let copies = match tier { "gold" => 3, "silver" => 1 }
```
"#,
    },
    Explanation {
        code: "E0320",
        title: "a pattern that never fits",
        text: r#"The pattern speaks of something that the value cannot be.

```plat
let size = 5GiB
let has  = size is some(s)
```

Repaired:

```plat
let size: Bytes? = 5GiB
let has = size is some(s)
```
"#,
    },
    Explanation {
        code: "E0321",
        title: "a declaration in a `for` needs a key",
        text: r#"Each of them has an address of its own, made of the key; it stays the same when the list is put in another order.

```plat
for name in ["a", "b"] {
    redis cache {}
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
        code: "E0322",
        title: "a condition that says nothing",
        text: r#"After `where` stands a range, `matches("…")` with a pattern, or a function of the value.

```plat
type Even = Int where 2
```

Repaired:

```plat
type Even = Int where |n| n in [2, 4, 6, 8]
```
"#,
    },
    Explanation {
        code: "E0323",
        title: "a type must be written",
        text: r#"The fields of kinds, and the parameters and results of functions, say their types: they are promises to others.

```plat
fn double(n: Int) = n * 2
```

Repaired:

```plat
fn double(n: Int): Int = n * 2
```
"#,
    },
    Explanation {
        code: "E0324",
        title: "not how a kind works",
        text: r#"An `extern kind` is made by the backends: its outs have types and no values, and it has no contents. A kind of one's own gives its outs values. Abstract kinds and targets are not declared by themselves.

```plat
kind cache_server {
    redis store {}
    out url: secret later String
}
```

Repaired:

```plat
kind cache_server {
    redis store {}
    out url = store.url
}
```
"#,
    },
    Explanation {
        code: "E0325",
        title: "nested too deep",
        text: r#"Lists in lists, or records in records, end somewhere: 64 deep. What is this deep was made by a program; let that make a flat list, with a key for each element.

```plat
let a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
let b = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
let c = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[b]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
```

Repaired:

```plat
let c = [{ key = "a", value = 1 }]
```
"#,
    },
    Explanation {
        code: "E0326",
        title: "patterns that multiply",
        text: r#"Whether a `match` leaves something out is found by trying every combination of the parts that its patterns speak of. Here those are too many. Choose by one part first, and by the others in a `match` inside of its arms.

```plat
type Eight = e(a: Bool, b: Bool, c: Bool, d: Bool, e: Bool, f: Bool, g: Bool, h: Bool)
type Many  = m(p: Eight, q: Eight, r: Eight, s: Eight)

fn odd(m: Many): Int = match m {
    m(e(a: true, b: true)) => 1
    m(e(c: true, d: true)) => 2
    m(e(e: true, f: true)) => 3
    m(e(g: true, h: true)) => 4
    m(q: e(a: true, b: true)) => 5
    m(q: e(c: true, d: true)) => 6
    m(q: e(e: true, f: true)) => 7
    m(q: e(g: true, h: true)) => 8
    m(r: e(a: true, b: true)) => 9
    m(r: e(c: true, d: true)) => 10
    m(r: e(e: true, f: true)) => 11
    m(r: e(g: true, h: true)) => 12
    m(s: e(a: true, b: true)) => 13
    m(s: e(c: true, d: true)) => 14
    m(s: e(e: true, f: true)) => 15
    m(s: e(g: true, h: true)) => 16
    _ => 0
}
```

Repaired:

```plat
type Eight = e(a: Bool, b: Bool, c: Bool, d: Bool, e: Bool, f: Bool, g: Bool, h: Bool)
type Many  = m(p: Eight, q: Eight, r: Eight, s: Eight)

fn odd_eight(e: Eight): Int? = match e {
    e(a: true, b: true) => 1
    e(c: true, d: true) => 2
    e(e: true, f: true) => 3
    e(g: true, h: true) => 4
    _ => none
}

fn odd(m: Many): Int = match m {
    m(p, q: q, r: r, s: s) => odd_eight(p) ?? odd_eight(q) ?? odd_eight(r) ?? odd_eight(s) ?? 0
}
```
"#,
    },
    Explanation {
        code: "W0301",
        title: "nothing to do",
        text: r#"The value is never `none`, so `?.` and `??` change nothing.

```plat
let name = "a"
let shown = name ?? "b"
```

Repaired:

```plat
let name: String? = "a"
let shown = name ?? "b"
```
"#,
    },
    Explanation {
        code: "W0302",
        title: "never reached",
        text: r#"The arms of a `match`, and the alternatives of a pattern, are tried in their order. What stands before this one takes all that it would, so it is never reached. A name that is no case of the type is a new name, and takes whatever is there.

```plat
type Tier = "gold" | "silver"

fn copies(tier: Tier): Int = match tier {
    "gold"   => 3
    _        => 1
    "silver" => 2
}
```

Repaired:

```plat
type Tier = "gold" | "silver"

fn copies(tier: Tier): Int = match tier {
    "gold"   => 3
    "silver" => 2
}
```
"#,
    },
    Explanation {
        code: "W0303",
        title: "a test that says nothing",
        text: r#"Every value of this type fits the pattern after `is`, so the answer is always yes. To name a value, a name alone is enough: `x is y`.

```plat
let size: Bytes? = 5GiB
let known = size is none | some(_)
```

Repaired:

```plat
let size: Bytes? = 5GiB
let known = size is some(_)
```
"#,
    },
];

//! The codes of this crate at length, for `platc explain`.
//!
//! Where a program can show it, an explanation has one that has just this mistake, and then the same program repaired;
//! a test reads both.

use crate::diagnostic::Explanation;

/// What the codes E01… mean, in their order.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: "E0101",
        title: "a file is not UTF-8",
        text: r#"plat is written in UTF-8. The file has bytes that are no UTF-8 text: most often it was saved in an older encoding such as Latin-1, or as UTF-16. Save it as UTF-8; from Latin-1, `iconv -f latin1 -t utf-8 old.plat > new.plat` does it.
"#,
    },
    Explanation {
        code: "E0102",
        title: "a file is too large",
        text: r#"A single file of 2 GiB or more is not read. A directory is a module, and all its `.plat` files share one scope: split the file; nothing else changes.
"#,
    },
    Explanation {
        code: "E0103",
        title: "a string or a `${` is not closed",
        text: r#"A string between `"` and `"` stands on one line, and so does a `${…}` in it. Text of several lines stands between `"""` and `"""`; the indentation that its lines have in common is not part of it. A dollar before a brace is written `\$`.

```plat
route public { host = "shop.example.com }
```

Repaired:

```plat
route public { host = "shop.example.com" }
```
"#,
    },
    Explanation {
        code: "E0104",
        title: "a bracket is never closed",
        text: r#"A `{`, `[` or `(` has no closing bracket. The place named is the opening one; the other place is the last where the closing one could stand. It is judged by the layout: a line that is indented no further than the line of an opening brace stands after its block.

```plat
service api {
    run = image("ghcr.io/acme/shop:1.0.0")
    env = {
        LOG_LEVEL = "info"
    port = 8080
}
```

Repaired:

```plat
service api {
    run = image("ghcr.io/acme/shop:1.0.0")
    env = {
        LOG_LEVEL = "info"
    }
    port = 8080
}
```
"#,
    },
    Explanation {
        code: "E0105",
        title: "a closing bracket closes nothing",
        text: r#"A `}`, `]` or `)` has no opening bracket, or closes one of another sort. Remove it, or write the one that belongs there.

```plat
let numbers = [1, 2)
```

Repaired:

```plat
let numbers = [1, 2]
```
"#,
    },
    Explanation {
        code: "E0106",
        title: "something is nested too deeply",
        text: r#"At most 64 brackets may stand in each other, and operators, types and chains of `else if` go about as deep. Programs that people write stay far below that; one that is generated can name an inner part with `let`.
"#,
    },
    Explanation {
        code: "E0107",
        title: "a character means nothing here",
        text: r#"The text has a character that no part of the language begins with. Blanks that only look like a space (a no-break space, a zero-width space) come with text copied from web pages; they are named by their number.

```plat
let home = $HOME
```

Repaired:

```plat
let home = "/home/shop"
```
"#,
    },
    Explanation {
        code: "E0108",
        title: "this can't be a name",
        text: r#"Names are made of the letters a to z and A to Z, digits and `_`, and don't begin with a digit. Write `_` where you want `-`: the external name of `shop_api` is `shop-api`. Where it must be something else, give it: `name = "Größe"`.

```plat
secret stripe-key
```

Repaired:

```plat
secret stripe_key
```
"#,
    },
    Explanation {
        code: "E0109",
        title: "a string in other quotes",
        text: r#"Strings stand between `"` and `"`. Single quotes, backticks and the curly quotes of word processors are not used.

```plat
route public { host = 'shop.example.com' }
```

Repaired:

```plat
route public { host = "shop.example.com" }
```
"#,
    },
    Explanation {
        code: "E0110",
        title: "a comment of another language",
        text: r#"A comment begins with `//` and ends with its line. `///` is documentation of what follows it. There are no `#` and no `/* … */` comments.

```plat
# how we take money
secret stripe_key
```

Repaired:

```plat
// how we take money
secret stripe_key
```
"#,
    },
    Explanation {
        code: "E0111",
        title: "an operator of another language",
        text: r#"What other languages write `&&`, `||` and `!` is written `and`, `or` and `not`. A field is given its value with `=`. Nothing ends with `;`: fields are separated by line breaks or commas.

```plat
let both = true && false
```

Repaired:

```plat
let both = true and false
```
"#,
    },
    Explanation {
        code: "E0112",
        title: "an unknown escape in a string",
        text: r#"After a backslash in a string may stand `n` (line feed), `t` (tab), `r` (carriage return), `"`, `\`, `$`, or `u{…}` with the hexadecimal number of a character. A plain backslash is written `\\`.

```plat
let path = "C:\data"
```

Repaired:

```plat
let path = "C:\\data"
```
"#,
    },
    Explanation {
        code: "E0113",
        title: "something is missing",
        text: r#"At this place the language needs something that is not there: a value after `=`, a name after a kind, a type after `:`. The message says what. Give it, or remove what needs it.

```plat
postgres db {
    storage =
}
```

Repaired:

```plat
postgres db {
    storage = 20GiB
}
```
"#,
    },
    Explanation {
        code: "E0114",
        title: "`=`, `:` and `==` mixed up",
        text: r#"`name = value` gives a field its value. `name: Type` declares an input of a kind, a parameter or a field of a record type. An argument is named with `:`, as in `http("/", every: 5s)`. `==` compares.

```plat
postgres db { storage: 20GiB }
```

Repaired:

```plat
postgres db { storage = 20GiB }
```
"#,
    },
    Explanation {
        code: "E0115",
        title: "two things stand together",
        text: r#"Fields, elements and arguments are separated by commas or line breaks.

```plat
postgres db { version = 17 storage = 20GiB }
```

Repaired:

```plat
postgres db { version = 17, storage = 20GiB }
```
"#,
    },
    Explanation {
        code: "E0116",
        title: "a quantity with a space",
        text: r#"A number and its unit are one word: `20GiB`, `30s`, `70%`, `900USD`.

```plat
postgres db { storage = 20 GiB }
```

Repaired:

```plat
postgres db { storage = 20GiB }
```
"#,
    },
    Explanation {
        code: "E0117",
        title: "operators that need parentheses",
        text: r#"`1 < x < 5` is not a comparison of three: join two with `and`. A range has two ends, both within: `2..10`. What stands after `is` and `with` is no operand, so nothing that binds tighter can take it. And `if`, `not` and `|x| …` reach as far as they can: after an operator they stand in parentheses.

```plat
let x = 3
let within = 1 < x < 5
```

Repaired:

```plat
let x = 3
let within = 1 < x and x < 5
```
"#,
    },
    Explanation {
        code: "E0118",
        title: "an `if` without `else`",
        text: r#"An `if` that gives a value gives one in both cases. If nothing should be given, the value is `none`. To have a declaration or not, put it in braces: `if search { service elastic { … } }`.

```plat
let busy = true
let copies = if busy then 3
```

Repaired:

```plat
let busy = true
let copies = if busy then 3 else 1
```
"#,
    },
    Explanation {
        code: "E0119",
        title: "a hole where a plain string stands",
        text: r#"The literals of a type (`"gold" | "silver"`) and of a pattern are plain strings: what `${…}` gives is only known later. Compare in a condition instead.

```plat
let tier = "gold"
let name = "gold"
let same = tier is "${name}"
```

Repaired:

```plat
let tier = "gold"
let name = "gold"
let same = tier == name
```
"#,
    },
    Explanation {
        code: "E0120",
        title: "this can't stand here",
        text: r#"A file holds declarations, `let`, `env` and other definitions. A kind holds inputs (`name: Type = default`), `let`, declarations, `if`, `for`, `require` and `out`. A declaration holds fields (`name = value`), an environment fields and `each`. `if` and `for` choose and repeat declarations.

```plat
bucket uploads {
    postgres db {}
}
```

Repaired:

```plat
bucket uploads {}
postgres db {}
```
"#,
    },
    Explanation {
        code: "E0121",
        title: "the formatter would change what a file means",
        text: r#"`platc fmt` reads its own result again, and writes nothing if that says something else than the file did. This is a mistake of the formatter, not of yours: please report it with the file.
"#,
    },
    Explanation {
        code: "E0122",
        title: "something on a line of its own",
        text: r#"A line break ends what stands before it, so a `{`, a name and the type after a `:` stand on the line of what they belong to.

```plat
bucket uploads
{
}
```

Repaired:

```plat
bucket uploads {
}
```
"#,
    },
];

/// This code at length, if it is one of this crate's.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|e| e.code == code)
}

//! The codes of this crate at length, for `platc explain`.

use crate::diagnostic::Explanation;

/// What the codes E01… mean, in their order.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: "E0101",
        title: "A file is not UTF-8",
        text: "plat is written in UTF-8. The file has bytes that are no UTF-8 text: most often it was saved in an older \
encoding such as Latin-1, or as UTF-16.\n\nSave it as UTF-8. From Latin-1, `iconv -f latin1 -t utf-8 old.plat > new.plat` does it.\n",
    },
    Explanation {
        code: "E0102",
        title: "A file is too large",
        text: "A single file of 2 GiB or more is not read. A directory is a module, and all its `.plat` files share one \
scope: split the file in several; nothing else changes.\n",
    },
    Explanation {
        code: "E0103",
        title: "A string or a `${` is not closed",
        text: "A string between `\"` and `\"` stands on one line, and so does a `${…}` in it.\n\n\
```\nname = \"shop\nport = 80\n```\n\nClose it:\n\n```\nname = \"shop\"\nport = 80\n```\n\n\
Text of several lines stands between `\"\"\"` and `\"\"\"`; the indentation that its lines have in common is not part of it. A dollar before a brace is written `\\$`.\n",
    },
    Explanation {
        code: "E0104",
        title: "A bracket is never closed",
        text: "A `{`, `[` or `(` has no closing bracket. The place named is the opening one; the other place is the last where the \
closing one could stand, judged by the layout: what begins at the beginning of a line ends everything open before it.\n\n\
```\nservice api {\n    env = {\n        A = \"1\"\n    port = 80\n}\n```\n\nHere `env = {` lacks its `}` before `port`.\n",
    },
    Explanation {
        code: "E0105",
        title: "A closing bracket closes nothing",
        text: "A `}`, `]` or `)` has no opening bracket, or closes one of another sort: `[1, 2)`. Remove it, or write the one that \
belongs there.\n",
    },
    Explanation {
        code: "E0106",
        title: "Something is nested too deeply",
        text: "At most 64 brackets may stand in each other, and operators, types and chains of `else if` go about as deep. \
Programs that people write stay far below that; generated ones can name an inner part with `let`.\n",
    },
    Explanation {
        code: "E0107",
        title: "A character means nothing here",
        text: "The text has a character that no part of the language begins with. Blanks that only look like a space (a no-break \
space, a zero-width space) come with text copied from web pages and are named by their code point.\n",
    },
    Explanation {
        code: "E0108",
        title: "This can't be a name",
        text: "Names are made of the letters a to z and A to Z, digits and `_`, and don't begin with a digit. Kinds, fields and functions \
are written `in_small_letters`, types `InCapitals`.\n\nWrite `_` where you want `-`: the external name of `shop_api` is `shop-api`. Where it must be something else, give it: \
`name = \"Größe\"`.\n",
    },
    Explanation {
        code: "E0109",
        title: "A string in other quotes",
        text: "Strings stand between `\"` and `\"`. Single quotes, backticks and the curly quotes of word processors are not \
used.\n",
    },
    Explanation {
        code: "E0110",
        title: "A comment of another language",
        text: "A comment begins with `//` and ends with its line. `///` is documentation of what follows it. There are no `#` and \
no `/* … */` comments.\n",
    },
    Explanation {
        code: "E0111",
        title: "An operator of another language",
        text: "What other languages write `&&`, `||` and `!` is written `and`, `or` and `not`. A field is given its value with `=`. \
Nothing ends with `;`: fields are separated by new lines or commas.\n",
    },
    Explanation {
        code: "E0112",
        title: "An unknown escape in a string",
        text: "After a backslash in a string may stand: `n` (new line), `t` (tab), `r` (carriage return), `\"`, `\\`, `$`, or \
`u{…}` with the hexadecimal number of a character. A plain backslash is written `\\\\`.\n",
    },
    Explanation {
        code: "E0113",
        title: "Something is missing",
        text: "At this place the language needs something that is not there: a value after `=`, a name after a kind, a type after `:`. \
The message says what.\n\n```\npostgres db {\n    storage =\n}\n```\n\nGive it, or remove what needs it:\n\n\
```\npostgres db {\n    storage = 20GiB\n}\n```\n",
    },
    Explanation {
        code: "E0114",
        title: "`=`, `:` and `==`",
        text: "`name = value` gives a field its value. `name: Type` declares an input of a kind, a parameter or a field of a record \
type. An argument is named with `:`, as in `http(\"/\", every: 5s)`. `==` compares.\n",
    },
    Explanation {
        code: "E0115",
        title: "Two things stand together",
        text: "Fields, elements and arguments are separated by commas or new lines.\n\n```\nservice api { port = 80 scale = 2 }\n```\n\n\
Write:\n\n```\nservice api { port = 80, scale = 2 }\n```\n",
    },
    Explanation {
        code: "E0116",
        title: "A quantity with a space",
        text: "A number and its unit are one word: `20GiB`, `30s`, `70%`, `900USD`.\n",
    },
    Explanation {
        code: "E0117",
        title: "A chain of comparisons or of ranges",
        text: "`1 < x < 5` is not a comparison of three: join two with `and`. A range has two ends, both within: `2..10`.\n",
    },
    Explanation {
        code: "E0118",
        title: "An `if` without `else`",
        text: "An `if` that gives a value gives one in both cases: `if a then b else c`. If nothing should be given, the value is \
`none`. To have a declaration or not, put it in braces: `if search { service elastic { … } }`.\n",
    },
    Explanation {
        code: "E0119",
        title: "A hole where a plain string stands",
        text: "The literals of a type (`\"gold\" | \"silver\"`) and of a pattern are plain strings: what `${…}` gives is only \
known later. In a `match`, compare in a condition instead.\n",
    },
    Explanation {
        code: "E0120",
        title: "This can't stand here",
        text: "A file holds declarations, `let`, `env` and other definitions. A kind holds inputs (`name: Type = default`), `let`, declarations, \
`if`, `for`, `require` and `out`. A declaration holds fields (`name = value`), an environment fields and `each`. `if` and `for` choose \
and repeat declarations.\n",
    },
    Explanation {
        code: "E0121",
        title: "The formatter would change what a file means",
        text: "`platc fmt` reads its own result again, and writes nothing if that says something else than the file did. This is a \
mistake of the formatter, not of yours: please report it with the file.\n",
    },
    Explanation {
        code: "E0122",
        title: "A brace on a line of its own",
        text: "A line break ends what stands before it, so a `{` stands on the line of what it belongs to:\n\n\
```\nservice api {\n    port = 80\n}\n```\n",
    },
];

/// This code at length, if it is one of this crate's.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|e| e.code == code)
}

//! The layout: what the formatter makes of what people write.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use plat_syntax::format;

/// The text is formatted to what follows, and that to itself.
fn check(text: &str, expected: &str) {
    let file = "shop.plat".into();
    let formatted = format(&file, text).unwrap();
    assert_eq!(formatted, expected, "\n{formatted}");
    assert_eq!(format(&file, &formatted).unwrap(), formatted);
}

#[test]
fn blanks_between_tokens() {
    check(
        "let x=[ 1,2 , 3 ]\nlet y = f( a ,b : 1 )+-c . d ?. e\nlet z= {for k,v in m :\"${ k }\"=v}\n",
        "let x = [1, 2, 3]\nlet y = f(a, b: 1) + -c.d?.e\nlet z = {for k, v in m: \"${k}\" = v}\n",
    );
    check(
        "type T=Map < Range<Int> > ?|\"a\"\nfn f( a :Int ) :Int=a\n",
        "type T = Map<Range<Int>>? | \"a\"\nfn f(a: Int): Int = a\n",
    );
    check(
        "let f=| x,y |x+y\nlet g = not( a )\nlet h = |   | 1\n",
        "let f = |x, y| x + y\nlet g = not (a)\nlet h = | | 1\n",
    );
    check(
        "use a . b.{ c,d  as e }\nmoved a [ \"x\" ] to b\n",
        "use a.b.{c, d as e}\nmoved a[\"x\"] to b\n",
    );
    check(
        "service a{}\nservice b{ port=80 }\n",
        "service a {}\nservice b { port = 80 }\n",
    );
}

#[test]
fn fields_stand_below_each_other() {
    check(
        "service api {\n  port  =80\n  // why\n  scale=2..3\n  env={\n  A  =1\n  LONG=2\n  }\n\n  x=1\n  longer   =2\n}\n",
        "service api {\n    port  = 80\n    // why\n    scale = 2..3\n    env   = {\n        A    = 1\n        LONG = 2\n    }\n\n    x      = 1\n    longer = 2\n}\n",
    );
}

/// Columns are begun by the author: by one that is padded.
#[test]
fn where_nothing_is_padded_there_are_no_columns() {
    check(
        "env prod {\n    target = eu\n    budget   =  9\n}\nenv dev {\n  target=eu\n  set={\n  a=1\n  long=  2\n  }\n}\n",
        "env prod {\n    target = eu\n    budget = 9\n}\nenv dev {\n    target = eu\n    set = {\n        a = 1\n        long = 2\n    }\n}\n",
    );
    check(
        "secret a {}\nsecret longer {}\n",
        "secret a {}\nsecret longer {}\n",
    );
}

#[test]
fn declarations_of_a_kind_stand_below_each_other() {
    check(
        "secret a  {optional=true}\nsecret longer {optional=true}\nredis r {}\n\nsecret b {}\n",
        "secret a      { optional = true }\nsecret longer { optional = true }\nredis r {}\n\nsecret b {}\n",
    );
}

#[test]
fn rows_are_a_table() {
    check(
        "let t = [\n{a=1,  b=\"long\"},\n{a=100,b=\"l\"}\n{a=1},\n]\n",
        "let t = [\n    { a = 1,   b = \"long\" },\n    { a = 100, b = \"l\"    },\n    { a = 1 },\n]\n",
    );
}

#[test]
fn the_author_breaks_the_lines() {
    check(
        "service a { port = 80\n scale = 2 }\n",
        "service a {\n    port = 80\n    scale = 2\n}\n",
    );
    check("let x = f(a,\n  b)\n", "let x = f(\n    a,\n    b,\n)\n");
    check("let x = f({\n a = 1\n})\n", "let x = f({\n    a = 1\n})\n");
    check("let x = a\n and b\n", "let x = a\n    and b\n");
    check("type T =\n| a\n | b\n", "type T =\n    | a\n    | b\n");
}

#[test]
fn commas_are_where_they_are_needed() {
    check(
        "service a { port = 80, scale = 2, }\n",
        "service a { port = 80, scale = 2 }\n",
    );
    check(
        "service a {\n port = 80,\n scale = 2, // why\n}\n",
        "service a {\n    port = 80\n    scale = 2 // why\n}\n",
    );
    check(
        "let x = [\n 1\n 2, 3\n]\n",
        "let x = [\n    1,\n    2, 3,\n]\n",
    );
    check("let x = [1, 2,]\n", "let x = [1, 2]\n");
    check("for k,\n v in m {}\n", "for k,\n    v in m {}\n");
}

#[test]
fn else_stands_by_its_brace() {
    check(
        "if a {\n secret b\n}\nelse {\n secret c\n}\n",
        "if a {\n    secret b\n} else {\n    secret c\n}\n",
    );
    check(
        "if a {\n}\n// why\nelse {\n}\n",
        "if a {\n}\n// why\nelse {\n}\n",
    );
}

#[test]
fn comments_stay_by_their_things() {
    check(
        "\n\n// head\n\n\n/// docs\n   /// more\nservice a { // first\n// own\nport = 80 // eighty\n\n\n// last\n}\n// end\n",
        "// head\n\n/// docs\n/// more\nservice a { // first\n    // own\n    port = 80 // eighty\n\n    // last\n}\n// end\n",
    );
    check(
        "let x = [\n 1 // one\n // two\n , 2\n]\n",
        "let x = [\n    1, // one\n    // two\n    2,\n]\n",
    );
    check("let x = a // why\n  + b\n", "let x = a // why\n    + b\n");
}

#[test]
fn text_in_strings_is_left_alone() {
    let text = "let t = \"\"\"\n  a  ,b\n      ${c}\n\"\"\"\nlet u = 1\n";
    check(text, text);
}

#[test]
fn nothing_and_comments_alone() {
    check("", "");
    check("\n\n", "");
    check("  // a", "// a\n");
    check("\u{feff}secret a\r\n", "secret a\n");
}

#[test]
fn a_text_with_mistakes_is_left_alone() {
    let told = format(&"shop.plat".into(), "let x = \n").unwrap_err();
    assert_eq!(told.first().unwrap().code, "E0113");
}

#[test]
fn documentation_before_a_comma_is_that_of_what_follows() {
    check(
        "kind k {\n    a: { b: Int\n        /// More.\n        , c: Int }\n}\n",
        "kind k {\n    a: {\n        b: Int\n        /// More.\n        c: Int\n    }\n}\n",
    );
    check(
        "type T = a(b: Int\n/// More.\n,\nc: Int)\n",
        "type T = a(\n    b: Int,\n    /// More.\n    c: Int,\n)\n",
    );
}

#[test]
fn the_last_line_needs_no_line_break() {
    check("use a.{b}", "use a.{b}\n");
    check(
        "let t = [\n    { a = 1 },\n    { a = 22 },\n]",
        "let t = [\n    { a = 1 },\n    { a = 22 },\n]\n",
    );
}

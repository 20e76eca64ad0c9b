//! Items: what stands in a file and in the bodies of declarations.

use super::basics::*;
use super::collection::{equals_value, for_head, path_key};
use super::expr::{self, in_head, index};
use super::ty::{self, A_TYPE, grants, param, params, typed};
use super::{Ref, Rule, Sibling};
use crate::kind::SyntaxKind as K;
use crate::lexer::Word;
use crate::mistake::{Context, Mistake};
use crate::tree::TextRange;
use chumsky::prelude::{Parser, choice, custom, recursive};

const A_VALUE: &str = "a value";

/// A whole file.
pub(super) fn file<'t>() -> impl Rule<'t> {
    seq!(
        separated(item(), "a declaration"),
        token(K::Eof).or_not().ignored()
    )
}

/// Which rule an item begins; found by looking at two tokens.
fn form_of(inp: &mut Ref<'_, '_>) -> Option<K> {
    let (first, second) = (peek(inp, 0), peek(inp, 1));
    if matches!(first.kind, K::StringStart | K::BlockStart) {
        return Some(K::Field);
    }
    if !first.kind.is_word() {
        return None;
    }
    let context = inp.state().context;
    match second.kind {
        K::Eq | K::EqEq | K::Dot | K::QuestionDot => return Some(K::Field),
        K::Colon if matches!(context, Context::Kind | Context::App) => return Some(K::FieldDecl),
        K::Colon => {
            return Some(if declares_type(inp) {
                K::FieldDecl
            } else {
                K::Field
            });
        }
        _ => {}
    }
    let follows = !second.newline && second.kind != K::Eof;
    match first.kind {
        K::LetKw => return Some(K::Let),
        K::IfKw => return Some(K::If),
        K::ForKw => return Some(K::For),
        K::Ident => {}
        _ => return None,
    }
    if follows
        && second.kind == K::LBracket
        && (first.word != Word::Require || path_then_equals(inp))
    {
        return Some(K::Field);
    }
    let named = follows && second.kind == K::Ident;
    // `kind {`: the name is missing. But where only fields may stand, `=` is.
    let nameless =
        follows && second.kind == K::LBrace && !matches!(context, Context::Fields | Context::Env);
    if named || nameless || (follows && second.kind.is_word()) {
        let form = match first.word {
            Word::App => K::App,
            Word::Use => K::Use,
            Word::Kind => K::Kind,
            Word::Type => K::TypeDef,
            Word::Unit => K::UnitDef,
            Word::Fn => K::FnDef,
            Word::Env => K::Env,
            Word::Policy => K::Policy,
            Word::Waive => K::Waive,
            Word::Test => K::Test,
            Word::Moved => K::Moved,
            Word::Out => K::Out,
            Word::Each => K::Each,
            Word::Require => K::Require,
            _ => K::Decl,
        };
        return Some(form);
    }
    match (first.word, context) {
        (Word::Require, Context::Kind | Context::KindBlock) if follows => Some(K::Require),
        (_, Context::Fields | Context::Env | Context::Kind | Context::App) => Some(K::Field),
        _ => Some(K::Decl),
    }
}

/// After a name, do steps of a path and a `=` follow?
fn path_then_equals(inp: &mut Ref<'_, '_>) -> bool {
    let mut at = here(inp) + 1;
    loop {
        let state = inp.state();
        match state.token(at).kind {
            K::LBracket => at = state.partner.get(at).map_or(at, |p| *p as usize) + 1,
            K::Dot => at += 2,
            kind => return kind == K::Eq,
        }
    }
}

/// After `NAME :`, is it a type that follows, as in an input of a kind? Then the place is wrong; else the colon.
fn declares_type(inp: &mut Ref<'_, '_>) -> bool {
    let token = peek(inp, 2);
    token.kind == K::Ident && !token.small && !matches!(peek(inp, 3).kind, K::LParen | K::Dot)
}

/// An item, with what stands before it: documentation, `pub`, `extern`, `abstract`, `implicit`.
fn item<'t>() -> impl Rule<'t> {
    recursive(|item| {
        let item = item.boxed();
        let expr = expr::expr().boxed();
        let ty = ty::ty(expr.clone()).boxed();
        let rules = Rules {
            app: seq!(
                keyword(),
                must(head_name(), "the name of the app"),
                opt(body(Context::App, item.clone()))
            )
            .boxed(),
            use_: use_rule().boxed(),
            kind: kind_rule(item.clone()).boxed(),
            type_: type_rule(ty.clone(), item.clone()).boxed(),
            unit: seq!(
                keyword(),
                must(head_name(), "the name of the unit"),
                opt(seq!(token(K::Colon), typed(ty.clone()))),
                opt(seq!(token(K::Eq), must_or(expr.clone(), A_VALUE, K::Error)))
            )
            .boxed(),
            fn_: fn_rule(ty.clone(), expr.clone()).boxed(),
            let_: let_rule(ty.clone(), expr.clone()).boxed(),
            env: env_rule(ty.clone(), expr.clone(), item.clone()).boxed(),
            policy: seq!(
                keyword(),
                must(head_name(), "the name of the policy"),
                must(
                    params(ty.clone(), expr.clone()),
                    "a parameter, as in `(db: postgres)`,"
                ),
                must(
                    body(Context::Fields, item.clone()),
                    "`{` and the fields of the policy"
                )
            )
            .boxed(),
            waive: seq!(
                keyword(),
                must(path(expr.clone()), "the name of a policy"),
                must(token(K::ForKw), "`for` and what is excused"),
                must(path(expr.clone()), "what is excused"),
                must(body(Context::Fields, item.clone()), "`{` and the reason")
            )
            .boxed(),
            test: seq!(
                keyword(),
                must(head_name(), "the name of the test"),
                must(
                    body(Context::Fields, item.clone()),
                    "`{` and the fields of the test"
                )
            )
            .boxed(),
            moved: seq!(
                keyword(),
                must(path(expr.clone()), "where it was"),
                must(word(Word::To), "`to` and where it is now"),
                must(path(expr.clone()), "where it is now")
            )
            .boxed(),
            decl: decl_rule(expr.clone(), item.clone()).boxed(),
            if_: if_rule(expr.clone(), item.clone()).boxed(),
            for_: for_rule(expr.clone(), item.clone()).boxed(),
            field_decl: field_decl_rule(ty.clone(), expr.clone()).boxed(),
            field: seq!(path_key(expr.clone()), equals_value(expr.clone())).boxed(),
            out: out_rule(ty, expr.clone()).boxed(),
            require: seq!(
                keyword(),
                must_or(expr.clone(), "a condition", K::Error),
                opt(seq!(
                    choice((else_word().boxed(), comma_for_else().boxed())),
                    must_or(expr, "a message", K::Error)
                ))
            )
            .boxed(),
            each: seq!(
                keyword(),
                must(node(K::Path, head_name()), "the name of a kind"),
                must(body(Context::Fields, item), "`{` and what to set")
            )
            .boxed(),
        };
        custom(move |inp: &mut Ref<'t, '_>| deeper(inp, |inp| rules.item(inp)))
    })
}

/// One rule for each form.
#[derive(Clone)]
struct Rules<R> {
    app: R,
    use_: R,
    kind: R,
    type_: R,
    unit: R,
    fn_: R,
    let_: R,
    env: R,
    policy: R,
    waive: R,
    test: R,
    moved: R,
    decl: R,
    if_: R,
    for_: R,
    field_decl: R,
    field: R,
    out: R,
    require: R,
    each: R,
}

impl<'t, R: Rule<'t>> Rules<R> {
    fn item(&self, inp: &mut Ref<'t, '_>) -> Done {
        let first = mark(inp);
        let start = push_docs(inp);
        let token = peek(inp, 0);
        let sibling = inp.state().sibling;
        let head = Head {
            at: here(inp),
            range: token.range(),
            // Further in than what stands before: as if it belonged to it.
            inner: token.newline && token.column > sibling.column,
            sibling,
        };
        let words = modifiers(inp);
        let Some(form) = form_of(inp) else {
            return no();
        };
        check_modifiers(inp, &words, form);
        let rule = match form {
            K::App => &self.app,
            K::Use => &self.use_,
            K::Kind => &self.kind,
            K::TypeDef => &self.type_,
            K::UnitDef => &self.unit,
            K::FnDef => &self.fn_,
            K::Let => &self.let_,
            K::Env => &self.env,
            K::Policy => &self.policy,
            K::Waive => &self.waive,
            K::Test => &self.test,
            K::Moved => &self.moved,
            K::If => &self.if_,
            K::For => &self.for_,
            K::FieldDecl => &self.field_decl,
            K::Field => &self.field,
            K::Out => &self.out,
            K::Require => &self.require,
            K::Each => &self.each,
            _ => &self.decl,
        };
        inp.parse(rule)?;
        finish(inp, form, first, start);
        place(inp, form, first, &head);
        Ok(())
    }
}

/// The word that an item begins with.
struct Head {
    at: usize,
    range: TextRange,
    inner: bool,
    sibling: Sibling,
}

/// What may not stand here becomes an error node, so that nobody after the parser meets it.
fn place(inp: &mut Ref<'_, '_>, form: K, first: usize, head: &Head) {
    let context = inp.state().context;
    if allowed(context, form) {
        return;
    }
    let range = head.range;
    if form == K::Field && head.inner {
        let state = inp.state();
        if head.sibling.bare && !head.sibling.told {
            let (before, found) = (state.before(head.at), state.found(head.at));
            complain(
                state,
                Mistake::Expected {
                    what: "`{` and its fields",
                    before,
                    found,
                },
            );
        }
        // Fields after something that was told of were its fields.
        state.told |= head.sibling.told;
        state.follows = true;
    }
    complain(
        inp.state(),
        Mistake::Misplaced {
            kind: form,
            context,
            range,
        },
    );
    let state = inp.state();
    let range = state
        .nodes
        .last()
        .map_or(range, |n| TextRange::new(n.start, n.end));
    state.nodes.truncate(first);
    state.push_leaf(K::Error, range);
}

fn allowed(context: Context, form: K) -> bool {
    match context {
        Context::File => !matches!(
            form,
            K::FieldDecl | K::Field | K::Out | K::Require | K::Each
        ),
        Context::FileBlock => matches!(form, K::Let | K::Decl | K::If | K::For),
        Context::App => form == K::FieldDecl,
        Context::Kind => {
            matches!(
                form,
                K::FieldDecl | K::Field | K::Let | K::Decl | K::If | K::For | K::Require | K::Out
            )
        }
        Context::KindBlock => matches!(form, K::Let | K::Decl | K::If | K::For | K::Require),
        Context::Fields => form == K::Field,
        Context::Env => matches!(form, K::Field | K::Each),
        Context::Members => form == K::Let,
    }
}

/// `pub`, `extern`, `abstract`, `implicit`.
fn modifiers(inp: &mut Ref<'_, '_>) -> Vec<(K, TextRange)> {
    let mut words = Vec::new();
    loop {
        let kind = match peek(inp, 0).word {
            Word::Pub => K::PubKw,
            Word::Extern => K::ExternKw,
            Word::Abstract => K::AbstractKw,
            Word::Implicit => K::ImplicitKw,
            _ => return words,
        };
        // `pub = 1` is a field and `pub {` nothing; a modifier stands before a word on its line.
        let next = peek(inp, 1);
        if !next.kind.is_word() || next.newline {
            return words;
        }
        words.push((kind, peek(inp, 0).range()));
        bump_leaf(inp, kind);
    }
}

/// Each of these words belongs before some forms, and once.
fn check_modifiers(inp: &mut Ref<'_, '_>, words: &[(K, TextRange)], form: K) {
    let context = inp.state().context;
    let mut last = K::Eof;
    for (word, range) in words {
        let belongs = match word {
            K::PubKw => context == Context::File && may_be_public(form),
            K::ExternKw => form == K::Kind && last != K::AbstractKw,
            K::AbstractKw => form == K::Kind,
            _ => form == K::Out,
        };
        let first = last == K::Eof || matches!(word, K::ExternKw | K::AbstractKw);
        if !belongs || !first || last == *word {
            let range = *range;
            complain(inp.state(), Mistake::MisplacedWord { range });
        }
        last = *word;
    }
}

/// What other packages may use.
fn may_be_public(form: K) -> bool {
    matches!(
        form,
        K::Kind | K::TypeDef | K::UnitDef | K::FnDef | K::Let | K::Env | K::Policy | K::Decl
    )
}

/// The word that `form_of` has looked at.
fn keyword<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        bump(inp);
        Ok(())
    })
}

/// A `{ … }` with items, on the line of what it belongs to.
fn body<'t>(context: Context, item: impl Rule<'t>) -> impl Rule<'t> {
    let what = match context {
        Context::App => "an input, as in `domain: String`",
        Context::Kind => "an input, a declaration or an `out`",
        Context::Fields | Context::Env => "a field, as in `NAME = value`",
        Context::Members => "`let`",
        Context::File | Context::FileBlock | Context::KindBlock => "a declaration",
    };
    let items = separated(item, what);
    let inner = custom(move |inp: &mut Ref<'t, '_>| {
        let outer = inp.state().context;
        inp.state().context = match (context, outer) {
            (Context::FileBlock, Context::Kind | Context::KindBlock) => Context::KindBlock,
            _ => context,
        };
        let done = inp.parse(&items);
        inp.state().context = outer;
        done
    });
    let braces = block(inner);
    let braces = custom(move |inp: &mut Ref<'t, '_>| {
        brace_on_line(inp);
        inp.parse(&braces)
    });
    node(K::Body, braces)
}

/// `api`, `background["default"].scale`
fn path<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let dotted = seq!(same_line(K::Dot), must(member_name(), "a name"));
    node(
        K::Path,
        seq!(
            head_name(),
            choice((dotted, on_line(index(expr)))).repeated().ignored()
        ),
    )
}

/// `use acme.targets.{eu_cluster, us as america}`, `use acme.targets.eu_cluster as eu`
fn use_rule<'t>() -> impl Rule<'t> {
    let alias = opt(seq!(word(Word::As), must(head_name(), "another name"))).boxed();
    let listed = node(K::UseItem, seq!(leaf(K::Ident, K::Name), alias.clone()));
    let list = bracketed(K::LBrace, "}", separated(listed, "a name")).boxed();
    custom(move |inp: &mut Ref<'t, '_>| {
        bump(inp);
        let (first, start) = (mark(inp), peek(inp, 0).start);
        let mut steps = 0;
        while attempt(inp, &member_name(), "the name of a module") {
            steps += 1;
            let dot = peek(inp, 0);
            if dot.kind != K::Dot || dot.newline {
                break;
            }
            let brace = peek(inp, 1);
            if brace.kind == K::LBrace && !brace.newline {
                finish(inp, K::Path, first, start);
                bump(inp);
                return inp.parse(&list);
            }
            bump(inp);
        }
        let at = here(inp);
        let last = inp.state().before(at).kind;
        if steps < 2 || last != K::Ident {
            if steps == 1 {
                expected(inp, "`.` and what to use of it");
            } else if last.is_word() {
                // A keyword may be the name of a module, but of nothing in it.
                expected(inp, "`.` and what to use of it");
            }
            finish(inp, K::Path, first, start);
            return Ok(());
        }
        // The last step is the item; those before it are the module.
        let Some(last) = inp.state().nodes.pop() else {
            return Ok(());
        };
        let end = inp.state().nodes.last().map_or(start, |n| n.end);
        inp.state().finish(K::Path, first, start, end);
        let item = mark(inp);
        let begin = last.start;
        inp.state().nodes.push(last);
        inp.parse(&alias)?;
        finish(inp, K::UseItem, item, begin);
        Ok(())
    })
}

/// `kind web_app is workload { … }`
fn kind_rule<'t>(item: impl Rule<'t>) -> impl Rule<'t> {
    let parent = seq!(
        token(K::IsKw),
        must(node(K::Path, head_name()), "the name of an abstract kind")
    );
    seq!(
        keyword(),
        must(head_name(), "the name of the kind"),
        opt(parent),
        opt(body(Context::Kind, item))
    )
}

/// `type Scale = implicit fixed(count: Int) | … { let min = … }`
fn type_rule<'t>(ty: impl Rule<'t>, item: impl Rule<'t>) -> impl Rule<'t> {
    seq!(
        keyword(),
        must(head_name(), "the name of the type"),
        must(token(K::Eq), "`=` and a type"),
        must_or(ty, A_TYPE, K::TypeError),
        opt(body(Context::Members, item)),
    )
}

/// `fn rails(args: [String]): Run = image("…", args: args)`
fn fn_rule<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    seq!(
        keyword(),
        must(head_name(), "the name of the function"),
        must(params(ty.clone(), expr.clone()), "`(` and the parameters"),
        opt(seq!(
            token(K::Colon),
            must_or(
                joined(ty, names_member),
                "the type of the result",
                K::TypeError
            )
        )),
        custom(move |inp: &mut Ref<'t, '_>| {
            let given = attempt(inp, &token(K::Eq), "`=` and the function's value");
            if !given || !attempt(inp, &expr, A_VALUE) {
                push_error(inp, K::Error);
            }
            Ok(())
        }),
    )
}

/// `let shared: Map<EnvValue> = { … }`
fn let_rule<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    seq!(
        keyword(),
        must(head_name(), "a name"),
        opt(seq!(token(K::Colon), typed(ty))),
        equals_value(expr),
    )
}

/// `env preview[pr: Int where 1..999999] { … }`
fn env_rule<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>, item: impl Rule<'t>) -> impl Rule<'t> {
    let keys = separated(param(ty, expr), "a key, as in `pr: Int`");
    let family = node(K::Params, bracketed(K::LBracket, "]", keys));
    seq!(
        keyword(),
        must(head_name(), "the name of the environment"),
        opt(on_line(family)),
        must(
            body(Context::Env, item),
            "`{` and the fields of the environment"
        ),
    )
}

/// `worker background[q.queue] { … }`, `secret stripe_key`
fn decl_rule<'t>(expr: impl Rule<'t>, item: impl Rule<'t>) -> impl Rule<'t> {
    let kind = node(K::Path, leaf(K::Ident, K::Name));
    let named = custom(|inp: &mut Ref<'t, '_>| {
        if !attempt(inp, &on_line(name()), "a name") {
            // `service "api" {`: what is in the braces is read all the same.
            while peek(inp, 0).kind == K::StringStart && !peek(inp, 0).newline {
                skip_string(inp);
            }
        }
        Ok(())
    });
    seq!(
        kind,
        named,
        opt(on_line(index(expr))),
        opt(body(Context::Fields, item))
    )
}

fn skip_string(inp: &mut Ref<'_, '_>) {
    let mut strings = 0;
    loop {
        match peek(inp, 0).kind {
            K::StringStart | K::BlockStart => strings += 1,
            K::StringEnd => strings -= 1,
            K::Eof => return,
            _ => {}
        }
        bump(inp);
        if strings == 0 {
            return;
        }
    }
}

/// `if search { … } else if … { … } else { … }`
fn if_rule<'t>(expr: impl Rule<'t>, item: impl Rule<'t>) -> impl Rule<'t> {
    let block = body(Context::FileBlock, item).boxed();
    let head = seq!(
        token(K::IfKw),
        must_or(in_head(expr), "a condition", K::Error),
        must(block.clone(), "`{` and what is there then"),
    )
    .boxed();
    let otherwise = must(block, "`{` and what is there otherwise").boxed();
    custom(move |inp: &mut Ref<'t, '_>| {
        // A loop, so that a chain of `else if` may be long.
        let mut open = Vec::new();
        loop {
            inp.parse(&head)?;
            if !tried(inp, &else_word()) {
                break;
            }
            if peek(inp, 0).kind != K::IfKw {
                inp.parse(&otherwise)?;
                break;
            }
            open.push((mark(inp), peek(inp, 0).start));
        }
        for (mark, start) in open.into_iter().rev() {
            finish(inp, K::If, mark, start);
        }
        Ok(())
    })
}

/// `for t in tenants { … }`
fn for_rule<'t>(expr: impl Rule<'t>, item: impl Rule<'t>) -> impl Rule<'t> {
    seq!(
        for_head(in_head(expr)),
        must(body(Context::FileBlock, item), "`{` and what is repeated")
    )
}

/// `domain: String = "x" changes replace open`
fn field_decl_rule<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    let changes = node(
        K::Changes,
        seq!(
            word(Word::Changes),
            must(head_name(), "`in_place`, `replace` or `grow_only`")
        ),
    );
    let open = custom(|inp: &mut Ref<'t, '_>| {
        let token = peek(inp, 0);
        if token.word != Word::Open || token.newline {
            return no();
        }
        bump_leaf(inp, K::OpenKw);
        Ok(())
    });
    let modifiers = choice((changes, open)).repeated().ignored().boxed();
    seq!(
        any_name(),
        token(K::Colon),
        typed(ty),
        modifiers.clone(),
        opt(seq!(token(K::Eq), must_or(expr, A_VALUE, K::Error))),
        modifiers,
    )
}

/// `out url: secret later Url = x grants read_write`
fn out_rule<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    seq!(
        keyword(),
        must(member_name(), "the name of the `out`"),
        opt(seq!(token(K::Colon), typed(ty))),
        opt(grants()),
        opt(seq!(token(K::Eq), must_or(expr, A_VALUE, K::Error))),
        opt(grants()),
    )
}

//! The work of the library's functions.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine as _;
use plat_model::Decimal;
use sha2::Digest as _;

use super::Builtin;
use crate::diag::{Diag, Span};
use crate::eval::{Cx, Data, Eval, Piece, Val};

impl<'db> Eval<'db> {
    /// A call of a function of the library.
    pub(crate) fn builtin(
        &mut self,
        builtin: Builtin,
        args: Vec<Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        use Builtin as B;
        if args.iter().any(Val::is_poison) {
            return Val::new(Data::Poison, cx.origin(span));
        }
        let mut args = args.into_iter();
        let (first, second, third) = (args.next(), args.next(), args.next());
        let Some(first) = first else {
            return Val::new(Data::Poison, cx.origin(span));
        };
        let new = |data| Val::new(data, cx.origin(span));
        match builtin {
            B::Lower => self.texts(&[&first], cx, span, |t| {
                Data::Text(at(t, 0).to_lowercase().into())
            }),
            B::Upper => self.texts(&[&first], cx, span, |t| {
                Data::Text(at(t, 0).to_uppercase().into())
            }),
            B::Trim => self.texts(&[&first], cx, span, |t| Data::Text(at(t, 0).trim().into())),
            B::Replace => {
                let rest: Vec<&Val<'db>> = [&second, &third].into_iter().flatten().collect();
                let mut all = vec![&first];
                all.extend(rest);
                self.texts(&all, cx, span, |t| {
                    Data::Text(at(t, 0).replace(at(t, 1), at(t, 2)).into())
                })
            }
            B::Split => {
                let all: Vec<&Val<'db>> = std::iter::once(&first).chain(second.as_ref()).collect();
                let origin = cx.origin(span);
                self.texts(&all, cx, span, |t| {
                    let part = |p: &str| Val::new(Data::Text(p.into()), origin.clone());
                    let parts: Vec<Val<'db>> = match at(t, 1) {
                        "" => at(t, 0).chars().map(|c| part(&c.to_string())).collect(),
                        by => at(t, 0).split(by).map(part).collect(),
                    };
                    Data::list(parts)
                })
            }
            B::StartsWith => {
                let all: Vec<&Val<'db>> = std::iter::once(&first).chain(second.as_ref()).collect();
                self.texts(&all, cx, span, |t| {
                    Data::Bool(at(t, 0).starts_with(at(t, 1)))
                })
            }
            B::EndsWith => {
                let all: Vec<&Val<'db>> = std::iter::once(&first).chain(second.as_ref()).collect();
                self.texts(&all, cx, span, |t| Data::Bool(at(t, 0).ends_with(at(t, 1))))
            }
            B::Matches => self.matches_call(&first, second.as_ref(), cx, span),
            B::Contains => match (&first.data, second) {
                (Data::List(values), Some(value)) => {
                    let held = values
                        .iter()
                        .any(|v| self.equal(v, &value, cx, span) == Some(true));
                    new(Data::Bool(held))
                }
                (_, Some(value)) => self.texts(&[&first, &value], cx, span, |t| {
                    Data::Bool(at(t, 0).contains(at(t, 1)))
                }),
                _ => new(Data::Poison),
            },
            B::Length => match &first.data {
                Data::List(values) => new(Data::int(values.len() as i128)),
                Data::Map(entries) => new(Data::int(entries.len() as i128)),
                _ => self.texts(&[&first], cx, span, |t| {
                    Data::int(at(t, 0).chars().count() as i128)
                }),
            },
            B::Join => self.join_call(&first, second.as_ref(), cx, span),
            B::Json => self.json_call(&first, cx, span),
            B::Yaml => self.yaml_call(&first, cx, span),
            B::Toml => self.toml_call(&first, cx, span),
            B::CidrSubnet => match (second, third) {
                (Some(more), Some(number)) => self.cidr_subnet(&first, &more, &number, cx, span),
                _ => new(Data::Poison),
            },
            B::Base64 | B::UrlEncode => self.encode(builtin, &first, cx, span),
            B::Sha256 => self.texts(&[&first], cx, span, |t| {
                let digest = sha2::Sha256::digest(at(t, 0).as_bytes());
                let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
                Data::Text(hex.into())
            }),
            B::Text | B::Dir => first,
            B::Abs => match crate::eval::Eval::order(
                self,
                &first,
                &Val::new(zero_of(&first), first.origin.clone()),
            ) {
                Some(Ordering::Less) => self.negated(&first, cx, span),
                _ => first,
            },
            B::Floor | B::Round => self.rounded(builtin, &first, cx, span),
            B::Min | B::Max => {
                let all: Vec<Val<'db>> = match (&first.data, &second) {
                    (Data::List(values), None) => values.to_vec(),
                    _ => std::iter::once(first)
                        .chain(second)
                        .chain(third)
                        .chain(args)
                        .collect(),
                };
                self.extreme(builtin, all, cx, span)
            }
            B::Keys => match &first.data {
                Data::Map(entries) => {
                    let keys = entries.keys().map(|k| new(Data::Text(k.clone()))).collect();
                    new(Data::list(keys))
                }
                _ => new(Data::Poison),
            },
            B::Values => match &first.data {
                Data::Map(entries) => new(Data::list(entries.values().cloned().collect())),
                _ => new(Data::Poison),
            },
            B::WithoutNone => without_none(&first, 0),
            B::Merge => match (&first.data, second.map(|s| s.data)) {
                (Data::Map(base), Some(Data::Map(more))) => {
                    let mut entries = base.clone();
                    for (key, value) in more.iter() {
                        entries.insert(key.clone(), value.clone());
                    }
                    new(Data::Map(entries))
                }
                _ => new(Data::Poison),
            },
            B::Origin => self.origin_of(&first, cx, span),
            // The checker makes an expression of its own of it.
            B::Fails => new(Data::Poison),
            B::Links | B::Holders | B::Grants => {
                self.graph_call(builtin, &first, second.as_ref(), cx, span)
            }
            B::Map
            | B::Filter
            | B::SortBy
            | B::Sort
            | B::Sum
            | B::Flatten
            | B::Unique
            | B::Reverse
            | B::Any
            | B::All
            | B::First
            | B::Last => self.list_call(builtin, &first, second.as_ref(), cx, span),
        }
    }

    /// Something with texts that must be known.
    fn texts(
        &mut self,
        values: &[&Val<'db>],
        cx: &Cx,
        span: Span,
        work: impl FnOnce(&[Arc<str>]) -> Data<'db>,
    ) -> Val<'db> {
        let mut texts = Vec::new();
        for value in values {
            match value.text() {
                Some(text) => texts.push(text),
                None => {
                    self.not_known(value, cx, span, "the text");
                    return Val::new(Data::Poison, cx.origin(span));
                }
            }
        }
        Val::new(work(&texts), cx.origin(span))
    }

    fn matches_call(
        &mut self,
        text: &Val<'db>,
        pattern: Option<&Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let all: Vec<&Val<'db>> = std::iter::once(text).chain(pattern).collect();
        let mut known = None;
        let result = self.texts(&all, cx, span, |t| {
            known = Some((at(t, 0).to_owned(), at(t, 1).to_owned()));
            Data::Poison
        });
        let Some((text, pattern)) = known else {
            return result;
        };
        match self.matches_whole(&pattern, &text) {
            Ok(holds) => Val::new(Data::Bool(holds), result.origin),
            Err(problem) => {
                let message = format!("this is no pattern: {problem}");
                let diag = Diag::error("E0512", self.spot(cx, span), message);
                self.error(cx, diag);
                result
            }
        }
    }

    fn join_call(
        &mut self,
        list: &Val<'db>,
        between: Option<&Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let Data::List(values) = &list.data else {
            return Val::new(Data::Poison, cx.origin(span));
        };
        let between = between.and_then(Val::text).unwrap_or_else(|| Arc::from(""));
        let mut pieces = Vec::new();
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                pieces.push(Piece::Literal(between.clone()));
            }
            if !self.pieces_of(value, &mut pieces) {
                return Val::new(Data::Poison, cx.origin(span));
            }
        }
        self.text_of(pieces, cx, span)
    }

    /// An encoder goes into the holes: the shim applies it when it fills them.
    fn encode(&mut self, builtin: Builtin, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let encode = |text: &str| match builtin {
            Builtin::Base64 => base64::engine::general_purpose::STANDARD.encode(text),
            _ => url_encode(text),
        };
        let mut pieces = Vec::new();
        if !self.pieces_of(value, &mut pieces) {
            return Val::new(Data::Poison, cx.origin(span));
        }
        let holes = pieces
            .iter()
            .filter(|p| matches!(p, Piece::Hole(..)))
            .count();
        if builtin == Builtin::Base64 && holes > 0 && pieces.len() > 1 {
            let message = "`base64` of a text around a value that is not known yet cannot be made piece by piece";
            let diag = Diag::error("E0405", self.spot(cx, span), message)
                .help("encode the one value alone");
            self.error(cx, diag);
            return Val::new(Data::Poison, cx.origin(span));
        }
        let pieces = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => Piece::Literal(encode(&text).into()),
                Piece::Hole(out, mut encoders, origin) => {
                    encoders.push(builtin.name());
                    Piece::Hole(out, encoders, origin)
                }
            })
            .collect();
        self.text_of(pieces, cx, span)
    }

    fn rounded(&mut self, builtin: Builtin, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let n = match &value.data {
            Data::Int(n) => Some(n.get()),
            Data::Decimal(d) if builtin == Builtin::Floor => Some(d.floor()),
            Data::Decimal(d) => Decimal::ratio(1, 2)
                .and_then(|half| d.checked_add(half))
                .map(Decimal::floor),
            _ => None,
        };
        match n {
            Some(n) => Val::new(Data::int(n), cx.origin(span)),
            None => {
                self.not_known(value, cx, span, "the number");
                Val::new(Data::Poison, cx.origin(span))
            }
        }
    }

    fn extreme(&mut self, builtin: Builtin, all: Vec<Val<'db>>, cx: &Cx, span: Span) -> Val<'db> {
        let mut best: Option<Val<'db>> = None;
        for value in all {
            let better = match &best {
                None => true,
                Some(old) => match self.order(&value, old) {
                    Some(order) => {
                        order
                            == if builtin == Builtin::Min {
                                Ordering::Less
                            } else {
                                Ordering::Greater
                            }
                    }
                    None => {
                        self.not_known(&value, cx, span, "what is compared");
                        return Val::new(Data::Poison, cx.origin(span));
                    }
                },
            };
            if better {
                best = Some(value);
            }
        }
        best.unwrap_or_else(|| Val::new(Data::None, cx.origin(span)))
    }

    fn list_call(
        &mut self,
        builtin: Builtin,
        list: &Val<'db>,
        function: Option<&Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        use Builtin as B;
        let new = |data| Val::new(data, cx.origin(span));
        let Data::List(values) = &list.data else {
            return new(Data::Poison);
        };
        let values = values.clone();
        if !self.make(cx, span, values.len()) {
            return new(Data::Poison);
        }
        let call = |this: &mut Self, v: &Val<'db>| match function {
            Some(function) => this.apply(function, vec![v.clone()], cx, span),
            None => v.clone(),
        };
        match builtin {
            B::Map => {
                let out = values.iter().map(|v| call(self, v)).collect();
                new(Data::list(out))
            }
            B::Filter => {
                let mut out = Vec::new();
                for v in values.iter() {
                    if matches!(call(self, v).data, Data::Bool(true)) {
                        out.push(v.clone());
                    }
                }
                new(Data::list(out))
            }
            B::Any | B::All => {
                for v in values.iter() {
                    if matches!(call(self, v).data, Data::Bool(b) if b == (builtin == B::Any)) {
                        return new(Data::Bool(builtin == B::Any));
                    }
                }
                new(Data::Bool(builtin == B::All))
            }
            B::Sort | B::SortBy => {
                let mut keyed = Vec::new();
                for v in values.iter() {
                    keyed.push((call(self, v), v.clone()));
                }
                let mut unknown = None;
                keyed.sort_by(|(a, _), (b, _)| {
                    self.order(a, b).unwrap_or_else(|| {
                        unknown.get_or_insert_with(|| a.clone());
                        Ordering::Equal
                    })
                });
                if let Some(value) = unknown {
                    self.not_known(&value, cx, span, "what is sorted by");
                    return new(Data::Poison);
                }
                new(Data::list(keyed.into_iter().map(|(_, v)| v).collect()))
            }
            B::Sum => {
                let mut total: Option<Val<'db>> = None;
                for v in values.iter() {
                    total = Some(match total {
                        None => v.clone(),
                        Some(sum) => self.added(&sum, v, cx, span),
                    });
                }
                total.unwrap_or_else(|| new(Data::int(0)))
            }
            B::Flatten => {
                let mut out = Vec::new();
                for v in values.iter() {
                    if let Data::List(inner) = &v.data {
                        out.extend(inner.iter().cloned());
                    }
                }
                if !self.make(cx, span, out.len()) {
                    return new(Data::Poison);
                }
                new(Data::list(out))
            }
            B::Unique => {
                // By a key that equal values share: linear, not quadratic.
                let mut seen = std::collections::BTreeSet::new();
                let mut out = Vec::new();
                for v in values.iter() {
                    if seen.insert(self.key(v)) {
                        out.push(v.clone());
                    }
                }
                new(Data::list(out))
            }
            B::Reverse => new(Data::list(values.iter().rev().cloned().collect())),
            B::First => values.first().cloned().unwrap_or_else(|| new(Data::None)),
            B::Last => values.last().cloned().unwrap_or_else(|| new(Data::None)),
            _ => new(Data::Poison),
        }
    }
}

/// The value, and in it no field, entry or element that is `none`.
fn without_none<'db>(value: &Val<'db>, depth: u32) -> Val<'db> {
    // Types nest, and values as deep as they do.
    if depth > 128 {
        return value.clone();
    }
    let data = match &value.data {
        Data::Map(entries) => {
            let given = entries.iter().filter(|(_, v)| !v.is_none());
            Data::Map(
                given
                    .map(|(k, v)| (k.clone(), without_none(v, depth + 1)))
                    .collect(),
            )
        }
        Data::List(values) => Data::list(
            values
                .iter()
                .filter(|v| !v.is_none())
                .map(|v| without_none(v, depth + 1))
                .collect(),
        ),
        data => data.clone(),
    };
    Val::new(data, value.origin.clone())
}

fn at(texts: &[Arc<str>], index: usize) -> &str {
    texts.get(index).map_or("", AsRef::as_ref)
}

fn zero_of<'db>(value: &Val<'db>) -> Data<'db> {
    match &value.data {
        Data::Quantity(q) => Data::quantity(Decimal::ZERO, q.dim.clone(), None),
        _ => Data::int(0),
    }
}

/// As in a URL's user, password, path segment or query: all but letters, digits, `-._~`.
fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

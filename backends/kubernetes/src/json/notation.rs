//! `json!({ "kind": "Service", "metadata": { "name": name } })`: the notation of `serde_json`, and what
//! can be put into it.

use std::collections::BTreeMap;

use super::{Json, List, Map, Text};

/// A literal of the program: it is pointed to.
pub(crate) trait Literal {
    fn literal(self) -> Json;
}

impl Literal for &'static str {
    fn literal(self) -> Json {
        Json::String(Text::Static(self))
    }
}

impl Literal for bool {
    fn literal(self) -> Json {
        Json::Bool(self)
    }
}

impl Literal for i64 {
    fn literal(self) -> Json {
        Json::Int(self)
    }
}

impl Literal for f64 {
    fn literal(self) -> Json {
        Json::Float(self)
    }
}

/// What can stand in a manifest. It is only looked at, as by `serde_json`: who put it in still has it.
pub(crate) trait ToJson {
    fn to_json(&self) -> Json;
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self) -> Json {
        (**self).to_json()
    }
}

impl ToJson for str {
    fn to_json(&self) -> Json {
        Json::String(Text::Made(self.into()))
    }
}

impl ToJson for String {
    fn to_json(&self) -> Json {
        self.as_str().to_json()
    }
}

impl ToJson for Text {
    fn to_json(&self) -> Json {
        Json::String(self.clone())
    }
}

impl ToJson for bool {
    fn to_json(&self) -> Json {
        Json::Bool(*self)
    }
}

macro_rules! whole {
    ($($number:ty),*) => {$(
        impl ToJson for $number {
            fn to_json(&self) -> Json {
                // What is larger than any field of Kubernetes is as large as there is.
                Json::Int(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )*};
}
whole!(u8, u16, u32, u64, usize, i32, i64);

impl ToJson for f64 {
    fn to_json(&self) -> Json {
        Json::Float(*self)
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::to_json)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Json {
        Json::Array(List::from(self.iter().map(T::to_json).collect::<Vec<_>>()))
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Json {
        self.as_slice().to_json()
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Json {
        self.as_slice().to_json()
    }
}

impl ToJson for BTreeMap<String, String> {
    fn to_json(&self) -> Json {
        let entries = self.iter().map(|(n, v)| (n.clone().into(), v.to_json()));
        Json::Object(entries.collect())
    }
}

impl ToJson for Map {
    fn to_json(&self) -> Json {
        Json::Object(self.clone())
    }
}

impl ToJson for Json {
    fn to_json(&self) -> Json {
        self.clone()
    }
}

/// A value of a manifest in the notation of JSON. Names are literals.
///
/// The rules are those of `serde_json`'s macro of this name, but that a literal is told from what is
/// computed: it is never copied.
macro_rules! json {
    (@list [$($done:expr,)*]) => { vec![$($done,)*] };
    (@list [$($done:expr,)*] null $(, $($rest:tt)*)?) => {
        json!(@list [$($done,)* $crate::json::Json::Null,] $($($rest)*)?)
    };
    (@list [$($done:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        json!(@list [$($done,)* json!([$($inner)*]),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        json!(@list [$($done,)* json!({$($inner)*}),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*] $value:literal $(, $($rest:tt)*)?) => {
        json!(@list [$($done,)* $crate::json::Literal::literal($value),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*] $value:expr $(, $($rest:tt)*)?) => {
        json!(@list [$($done,)* $crate::json::ToJson::to_json(&$value),] $($($rest)*)?)
    };

    (@map [$($done:expr,)*]) => { vec![$($done,)*] };
    (@map [$($done:expr,)*] $name:literal : null $(, $($rest:tt)*)?) => {
        json!(@map [$($done,)* ($crate::json::Text::Static($name), $crate::json::Json::Null),] $($($rest)*)?)
    };
    (@map [$($done:expr,)*] $name:literal : [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        json!(@map [$($done,)* ($crate::json::Text::Static($name), json!([$($inner)*])),] $($($rest)*)?)
    };
    (@map [$($done:expr,)*] $name:literal : {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        json!(@map [$($done,)* ($crate::json::Text::Static($name), json!({$($inner)*})),] $($($rest)*)?)
    };
    (@map [$($done:expr,)*] $name:literal : $value:literal $(, $($rest:tt)*)?) => {
        json!(@map [$($done,)* ($crate::json::Text::Static($name), $crate::json::Literal::literal($value)),] $($($rest)*)?)
    };
    (@map [$($done:expr,)*] $name:literal : $value:expr $(, $($rest:tt)*)?) => {
        json!(@map [$($done,)* ($crate::json::Text::Static($name), $crate::json::ToJson::to_json(&$value)),] $($($rest)*)?)
    };

    (null) => { $crate::json::Json::Null };
    ([$($inner:tt)*]) => {
        $crate::json::Json::Array($crate::json::List::from(json!(@list [] $($inner)*)))
    };
    ({$($inner:tt)*}) => {
        $crate::json::Json::Object($crate::json::Map::of(json!(@map [] $($inner)*)))
    };
    ($value:literal) => { $crate::json::Literal::literal($value) };
    ($value:expr) => { $crate::json::ToJson::to_json(&$value) };
}
pub(crate) use json;

//! All origins that a part of a graph speaks of.
//!
//! Who makes a graph of parts that were made apart gives their origins new numbers: those of the whole.

use crate::{Data, Environment, Fields, Node, OriginId, Target, Value};

impl Value {
    /// Does something with the origin of the value and of each in it, from the outside in, in the
    /// order in which they stand.
    pub fn each_origin(&mut self, with: &mut impl FnMut(&mut OriginId)) {
        with(&mut self.origin);
        match &mut self.data {
            Data::Range(low, high) => {
                low.each_origin(with);
                high.each_origin(with);
            }
            Data::List(values) => values.iter_mut().for_each(|value| value.each_origin(with)),
            Data::Map(fields) | Data::Variant { case: _, fields } => fields.each_origin(with),
            Data::None
            | Data::Bool(_)
            | Data::Int(_)
            | Data::Decimal(_)
            | Data::Quantity(_)
            | Data::String(_)
            | Data::Text(_)
            | Data::Node(_)
            | Data::Out { .. } => {}
        }
    }
}

impl Fields {
    /// As [`Value::each_origin`], of all values in the order of their names.
    pub fn each_origin(&mut self, with: &mut impl FnMut(&mut OriginId)) {
        self.values_mut().for_each(|value| value.each_origin(with));
    }
}

impl Node {
    /// As [`Value::each_origin`], of all that a declaration says.
    pub fn each_origin(&mut self, with: &mut impl FnMut(&mut OriginId)) {
        let Self {
            kind: _,
            name: _,
            target: _,
            existing,
            doc: _,
            origin,
            within: _,
            fields,
            changes: _,
            leave,
        } = self;
        with(origin);
        if let Some(existing) = existing {
            existing.fields.each_origin(with);
        }
        fields.each_origin(with);
        leave.values_mut().for_each(with);
    }
}

impl Target {
    /// As [`Value::each_origin`], of all that a target says.
    pub fn each_origin(&mut self, with: &mut impl FnMut(&mut OriginId)) {
        with(&mut self.origin);
        self.fields.each_origin(with);
    }
}

impl Environment {
    /// As [`Value::each_origin`], of all that an environment says.
    pub fn each_origin(&mut self, with: &mut impl FnMut(&mut OriginId)) {
        with(&mut self.origin);
        self.fields.each_origin(with);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Data, Fields, OriginId, Value};

    #[test]
    fn every_value_is_come_upon_once_from_the_outside_in() {
        let leaf = |n| Value::new(Data::Bool(true), OriginId(n));
        let range = Data::Range(Box::new(leaf(3)), Box::new(leaf(4)));
        let inner = Fields::from([("a", leaf(2)), ("b", Value::new(range, OriginId(9)))]);
        let case = Data::Variant {
            case: "http".into(),
            fields: inner,
        };
        let list = Data::List(vec![leaf(7), Value::new(case, OriginId(1))]);
        let mut value = Value::new(list, OriginId(0));
        let mut seen = Vec::new();
        value.each_origin(&mut |origin| {
            seen.push(origin.0);
            origin.0 += 100;
        });
        assert_eq!(seen, [0, 7, 1, 2, 9, 3, 4]);
        let mut again = Vec::new();
        value.each_origin(&mut |origin| again.push(origin.0));
        assert_eq!(again, [100, 107, 101, 102, 109, 103, 104]);
    }
}

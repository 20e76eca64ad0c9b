//! Values, as the graph holds them.

use plat_model::{Data as ModelData, Fields, Hole, Piece as ModelPiece, Quantity, Value};

use super::links::within;
use super::{Build, is_scalar};
use crate::eval::{Data, Entries, Eval, InstId, OutRef, Piece, Val, quantity_text};

impl Build {
    pub(super) fn value(&mut self, eval: &Eval<'_>, value: &Val<'_>) -> Value {
        let origin = self.origin(&value.origin);
        let data = match &value.data {
            Data::Bool(b) => ModelData::Bool(*b),
            Data::Int(n) => ModelData::Int(n.get()),
            Data::Decimal(n) => ModelData::Decimal(**n),
            Data::Quantity(q) => ModelData::Quantity(Box::new(Quantity {
                dimension: q.dim.to_string(),
                amount: q.number,
                text: match &q.text {
                    Some(text) => text.to_string(),
                    None => quantity_text(eval.db, q.number, &q.dim),
                },
            })),
            Data::Text(text) => ModelData::String(text.into()),
            Data::Pieces(pieces) => ModelData::Text(
                pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Literal(text) => ModelPiece::Literal(text.to_string()),
                        Piece::Hole(out, encoders, _) => {
                            ModelPiece::Hole(self.hole(eval, out, encoders))
                        }
                    })
                    .collect(),
            ),
            Data::Range(ends) => ModelData::Range(
                Box::new(self.value(eval, &ends.0)),
                Box::new(self.value(eval, &ends.1)),
            ),
            Data::List(values) => {
                let mut out = Vec::new();
                for v in values.iter() {
                    match v.data {
                        Data::Node(inst) => out.extend(self.nodes_value(eval, inst, v)),
                        _ => out.push(self.value(eval, v)),
                    }
                }
                ModelData::List(out)
            }
            Data::Map(entries) => ModelData::Map(self.entries(eval, entries)),
            Data::Case(case, parts) => ModelData::Variant {
                case: (&case.name).into(),
                fields: self.entries(eval, parts),
            },
            Data::Node(inst) => ModelData::Node(self.path(eval, *inst)),
            Data::Out(out) => {
                if is_scalar(&out.ty.plain(eval.db).1) {
                    ModelData::Text(vec![ModelPiece::Hole(self.hole(eval, out, &[]))])
                } else {
                    ModelData::Out {
                        node: self.path(eval, out.inst),
                        out: (&out.path).into(),
                    }
                }
            }
            Data::Poison
            | Data::None
            | Data::Family(_)
            | Data::Closure(_)
            | Data::Env(_)
            | Data::Here(_)
            | Data::Link(..)
            | Data::Target(..) => ModelData::None,
        };
        Value::new(data, origin)
    }

    pub(super) fn nodes_value(
        &mut self,
        eval: &Eval<'_>,
        inst: InstId,
        value: &Val<'_>,
    ) -> Vec<Value> {
        let origin = self.origin(&value.origin);
        within(eval, inst.world, inst)
            .into_iter()
            .map(|id| {
                let path = self.path(eval, id);
                Value::new(ModelData::Node(path), origin)
            })
            .collect()
    }

    pub(super) fn entries(&mut self, eval: &Eval<'_>, entries: &Entries<'_>) -> Fields {
        entries
            .iter()
            .map(|(name, value)| (name, self.value(eval, value)))
            .collect()
    }

    pub(super) fn hole(
        &mut self,
        eval: &Eval<'_>,
        out: &OutRef,
        encoders: &[&'static str],
    ) -> Hole {
        Hole {
            producer: self.path(eval, out.inst),
            out: (&out.path).into(),
            encoders: encoders.iter().map(|e| (*e).to_owned()).collect(),
            secret: out.labels.secret,
            later: out.labels.later,
        }
    }
}

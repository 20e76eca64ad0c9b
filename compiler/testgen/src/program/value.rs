//! Values of a wanted type.

use super::{Known, Maker, Ty};

const TEXTS: &[&str] = &["a", "some text", "", "b-c", "ü ✓", "1", "x: y"];

impl Maker<'_, '_> {
    /// A value of this type, as an operand: it needs no parentheses.
    pub(super) fn operand(&mut self, ty: &Ty, depth: usize) -> String {
        let value = self.value(ty, depth);
        let simple = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if simple { value } else { format!("({value})") }
    }

    /// A value of this type.
    pub(super) fn value(&mut self, ty: &Ty, depth: usize) -> String {
        if self.choices.chance(35)
            && let Some(name) = self.known(ty)
        {
            return name;
        }
        if depth == 0 {
            return self.literal(ty, 0);
        }
        match self.choices.below(12) {
            0 => {
                let condition = self.head_condition(depth - 1);
                let (a, b) = (self.value(ty, depth - 1), self.value(ty, depth - 1));
                format!("if {condition} then {a} else {b}")
            }
            1 => self.matched(ty, depth - 1),
            2 => self.called(ty, depth - 1),
            3 => {
                let wrapped = Ty::Optional(Box::new(ty.clone()));
                if matches!(ty, Ty::Optional(_)) {
                    return self.literal(ty, depth);
                }
                match self.known(&wrapped) {
                    Some(name) => format!("{name} ?? {}", self.operand(ty, depth - 1)),
                    None => self.literal(ty, depth),
                }
            }
            4 => match self.field_of_known(ty) {
                Some(path) => path,
                None => self.literal(ty, depth),
            },
            5..=8 => self.computed(ty, depth - 1),
            _ => self.literal(ty, depth),
        }
    }

    /// A name in scope of exactly this type.
    fn known(&mut self, ty: &Ty) -> Option<String> {
        let fitting: Vec<String> = self
            .scope
            .iter()
            .filter(|k| k.ty == *ty)
            .map(|k| k.name.clone())
            .collect();
        (!fitting.is_empty()).then(|| self.choices.pick(&fitting).clone())
    }

    /// A field of this type of a record in scope.
    fn field_of_known(&mut self, ty: &Ty) -> Option<String> {
        let mut paths = Vec::new();
        for known in &self.scope {
            if let Ty::Record(fields) = &known.ty {
                let fitting = fields.iter().filter(|(_, t)| t == ty);
                paths.extend(fitting.map(|(n, _)| format!("{}.{n}", known.name)));
            }
        }
        (!paths.is_empty()).then(|| self.choices.pick(&paths).clone())
    }

    /// A value that is written as it is, with parts that may be anything.
    fn literal(&mut self, ty: &Ty, depth: usize) -> String {
        let inner = depth.saturating_sub(1);
        match ty {
            Ty::Bool => (*self.choices.pick(&["true", "false"])).to_owned(),
            Ty::Int => self.choices.below(100).to_string(),
            Ty::Text => self.text(depth),
            Ty::Bytes => format!(
                "{}{}",
                1 + self.choices.below(64),
                self.choices.pick(&["B", "KiB", "MiB", "GiB"])
            ),
            Ty::Duration => format!(
                "{}{}",
                1 + self.choices.below(90),
                self.choices.pick(&["ms", "s", "min", "h", "d"])
            ),
            Ty::Range => {
                let least = self.choices.below(20);
                format!("{least}..{}", least + self.choices.below(20))
            }
            Ty::List(element) => {
                let count = 1 + self.choices.below(3);
                let elements: Vec<String> =
                    (0..count).map(|_| self.value(element, inner)).collect();
                format!("[{}]", elements.join(", "))
            }
            Ty::Map(element) => {
                let count = 1 + self.choices.below(3);
                let keys = ["one", "\"two words\"", "three"];
                let entries: Vec<String> = (0..count)
                    .map(|n| format!("{} = {}", keys[n], self.value(element, inner)))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
            Ty::Optional(_) if self.choices.chance(30) => "none".to_owned(),
            Ty::Optional(element) => self.value(element, inner),
            Ty::Record(fields) => {
                let mut entries: Vec<String> = Vec::new();
                for (name, ty) in fields {
                    entries.push(format!("{name} = {}", self.value(ty, inner)));
                }
                if self.choices.chance(50) {
                    entries.reverse();
                }
                format!("{{ {} }}", entries.join(", "))
            }
            Ty::Choice(n) => {
                let texts = self.choices_of[*n].1.clone();
                format!("\"{}\"", self.choices.pick(&texts))
            }
            Ty::Variant(n) => {
                let variant = self.variants[*n].clone();
                let (case, parts) = self.choices.pick(&variant.cases).clone();
                if parts.is_empty() {
                    return case;
                }
                let mut arguments = Vec::new();
                for (at, (name, ty)) in parts.iter().enumerate() {
                    let value = self.value(ty, inner);
                    let named = at > 0 || self.choices.chance(50);
                    arguments.push(if named {
                        format!("{name}: {value}")
                    } else {
                        value
                    });
                }
                format!("{case}({})", arguments.join(", "))
            }
            Ty::Refined(_) => (1 + self.choices.below(999)).to_string(),
            Ty::Seats(n) => {
                let (base, multiple, _) = self.units[*n].clone();
                let unit = if self.choices.chance(50) {
                    base
                } else {
                    multiple
                };
                format!("{}{unit}", 1 + self.choices.below(50))
            }
            Ty::Function(from, to) => {
                let name = self.fresh("p");
                let before = self.scope.len();
                self.scope.push(Known {
                    name: name.clone(),
                    ty: (**from).clone(),
                });
                let body = self.value(to, inner);
                self.scope.truncate(before);
                format!("|{name}| {body}")
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 || self.choices.chance(50) {
            return format!("\"{}\"", self.choices.pick(TEXTS));
        }
        let hole = match self.choices.below(3) {
            0 => Ty::Int,
            1 => Ty::Bool,
            _ => Ty::Text,
        };
        let value = self.value(&hole, depth - 1);
        let before = *self.choices.pick(TEXTS);
        // What goes over several lines has no place in a hole.
        if value.contains('\n') {
            return format!("\"{before}\"");
        }
        format!("\"{before}${{{value}}} \\${{x}}\"")
    }

    /// A condition.
    fn condition(&mut self, depth: usize) -> String {
        match self.choices.below(6) {
            0 => {
                let operator = *self.choices.pick(&["==", "!=", "<", "<=", ">", ">="]);
                let (a, b) = (self.operand(&Ty::Int, depth), self.operand(&Ty::Int, depth));
                format!("{a} {operator} {b}")
            }
            1 => format!("not {}", self.operand(&Ty::Bool, depth)),
            2 => {
                let operator = *self.choices.pick(&["and", "or"]);
                let (a, b) = (
                    self.operand(&Ty::Bool, depth),
                    self.operand(&Ty::Bool, depth),
                );
                format!("{a} {operator} {b}")
            }
            3 => {
                let (a, b) = (
                    self.operand(&Ty::Bytes, depth),
                    self.operand(&Ty::Bytes, depth),
                );
                format!("{a} >= {b}")
            }
            4 => {
                let list = self.operand(&Ty::List(Box::new(Ty::Int)), depth);
                format!("{} in {list}", self.operand(&Ty::Int, depth))
            }
            _ => format!("environment.name == \"env{}\"", self.choices.below(3)),
        }
    }

    /// A condition that may stand in a head.
    pub(super) fn head_condition(&mut self, depth: usize) -> String {
        format!("({})", self.condition(depth))
    }

    /// A value that an operator or the library makes.
    fn computed(&mut self, ty: &Ty, depth: usize) -> String {
        match ty {
            Ty::Bool => self.condition(depth),
            Ty::Int => match self.choices.below(5) {
                0 => {
                    let list = Ty::List(Box::new(Ty::Text));
                    format!("length({})", self.value(&list, depth))
                }
                1 => format!(
                    "floor({} / 2) - {}",
                    self.operand(ty, 0),
                    self.operand(ty, depth)
                ),
                2 => {
                    let element = self.fresh("n");
                    let before = self.scope.len();
                    let from = self.operand(&Ty::List(Box::new(Ty::Int)), depth);
                    self.scope.push(Known {
                        name: element.clone(),
                        ty: Ty::Int,
                    });
                    let each = self.value(&Ty::Int, depth);
                    self.scope.truncate(before);
                    format!("[for {element} in {from}: {each}].sum()")
                }
                3 => format!("-{}", self.operand(ty, depth)),
                _ => {
                    let operator = *self.choices.pick(&["+", "-"]);
                    format!(
                        "{} {operator} {}",
                        self.operand(ty, depth),
                        self.operand(ty, depth)
                    )
                }
            },
            Ty::Bytes | Ty::Duration | Ty::Seats(_) => {
                format!(
                    "{} + {} * 2",
                    self.operand(ty, depth),
                    self.operand(ty, depth)
                )
            }
            Ty::Text => match self.choices.below(4) {
                0 => format!("upper({})", self.value(ty, depth)),
                1 => {
                    let list = self.value(&Ty::List(Box::new(Ty::Text)), depth);
                    format!("join({list}, \", \")")
                }
                2 => format!("{}.trim().lower()", self.operand(ty, depth)),
                _ => format!("text({})", self.value(&Ty::Int, depth)),
            },
            Ty::List(element) => self.made_list(element, depth),
            Ty::Map(element) => {
                // A literal before `with` would be a record.
                if let Some(map) = self.known(ty) {
                    return format!("{map} with {{ more = {} }}", self.value(element, depth));
                }
                let name = self.fresh("k");
                let keys = self.choices.pick(&["[\"x\", \"y\"]", "[\"z\"]"]).to_owned();
                let before = self.scope.len();
                self.scope.push(Known {
                    name: name.clone(),
                    ty: Ty::Text,
                });
                let value = self.value(element, depth);
                self.scope.truncate(before);
                format!("{{for {name} in {keys}: \"k-${{{name}}}\" = {value}}}")
            }
            Ty::Record(fields) => {
                let (name, field) = self.choices.pick(fields).clone();
                // Only where the type is already known does a literal keep it.
                match self.known(ty) {
                    Some(base) => {
                        format!("{base} with {{ {name} = {} }}", self.value(&field, depth))
                    }
                    None => self.literal(ty, depth),
                }
            }
            _ => self.literal(ty, depth),
        }
    }

    fn made_list(&mut self, element: &Ty, depth: usize) -> String {
        let list = Ty::List(Box::new(element.clone()));
        let name = self.fresh("e");
        match (self.choices.below(4), self.known(&list)) {
            (0, Some(from)) => format!("{from} + {}", self.operand(&list, depth)),
            (1, Some(from)) => format!("{from}.reverse()"),
            (2, Some(from)) => {
                let before = self.scope.len();
                self.scope.push(Known {
                    name: name.clone(),
                    ty: element.clone(),
                });
                let condition = self.condition(depth);
                self.scope.truncate(before);
                format!("{from}.filter(|{name}| {condition})")
            }
            _ => {
                let from = self.operand(&Ty::List(Box::new(Ty::Int)), depth);
                let before = self.scope.len();
                self.scope.push(Known {
                    name: name.clone(),
                    ty: Ty::Int,
                });
                let condition = self.operand(&Ty::Bool, depth);
                let value = self.value(element, depth);
                self.scope.truncate(before);
                let filter = if self.choices.chance(40) {
                    format!(" if {condition}")
                } else {
                    String::new()
                };
                format!("[for {name} in {from}{filter}: {value}]")
            }
        }
    }

    /// A value by cases.
    fn matched(&mut self, ty: &Ty, depth: usize) -> String {
        let known: Vec<Known> = self.scope.clone();
        let splittable = known
            .iter()
            .filter(|k| matches!(k.ty, Ty::Variant(_) | Ty::Choice(_) | Ty::Optional(_)));
        let subjects: Vec<&Known> = splittable.collect();
        if subjects.is_empty() {
            return self.literal(ty, depth);
        }
        let subject = (*self.choices.pick(&subjects)).clone();
        let mut arms: Vec<String> = Vec::new();
        let before = self.scope.len();
        match &subject.ty {
            Ty::Variant(n) => {
                for (case, parts) in self.variants[*n].clone().cases {
                    let mut names = Vec::new();
                    for (part, ty) in parts {
                        let name = self.fresh("m");
                        names.push(format!("{part}: {name}"));
                        self.scope.push(Known { name, ty });
                    }
                    let pattern = if names.is_empty() {
                        case
                    } else {
                        format!("{case}({})", names.join(", "))
                    };
                    arms.push(format!("{pattern} => {}", self.value(ty, depth)));
                    self.scope.truncate(before);
                }
            }
            Ty::Choice(n) => {
                for text in self.choices_of[*n].1.clone() {
                    arms.push(format!("\"{text}\" => {}", self.value(ty, depth)));
                }
            }
            Ty::Optional(inner) => {
                let name = self.fresh("m");
                arms.push(format!("none => {}", self.value(ty, depth)));
                self.scope.push(Known {
                    name: name.clone(),
                    ty: (**inner).clone(),
                });
                arms.push(format!("some({name}) => {}", self.value(ty, depth)));
                self.scope.truncate(before);
            }
            _ => {}
        }
        if self.choices.chance(20) {
            arms.pop();
            arms.push(format!("_ => {}", self.value(ty, depth)));
        }
        let nested = arms.iter().any(|a| a.contains('\n'));
        if nested || self.choices.chance(50) {
            return format!("match {} {{ {} }}", subject.name, arms.join(", "));
        }
        format!(
            "match {} {{\n        {}\n    }}",
            subject.name,
            arms.join("\n        ")
        )
    }

    /// A call of one of the program's own functions.
    fn called(&mut self, ty: &Ty, depth: usize) -> String {
        let fitting: Vec<_> = self
            .functions
            .iter()
            .filter(|f| f.result == *ty)
            .cloned()
            .collect();
        if fitting.is_empty() {
            return self.literal(ty, depth);
        }
        let function = self.choices.pick(&fitting).clone();
        let mut arguments = Vec::new();
        let by_name = self.choices.chance(30);
        for (name, ty) in &function.params {
            let value = self.value(ty, depth);
            arguments.push(if by_name {
                format!("{name}: {value}")
            } else {
                value
            });
        }
        format!("{}({})", function.name, arguments.join(", "))
    }
}

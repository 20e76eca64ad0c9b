//! Types, units, functions, `let`s and kinds.

use super::{Function, Kind, Known, Maker, Ty, Variant};

impl Maker<'_, '_> {
    pub(super) fn choice_type(&mut self) -> String {
        let name = self.fresh("Choice");
        let count = 2 + self.choices.below(3);
        let texts: Vec<String> = (0..count)
            .map(|n| format!("{}{n}", name.to_lowercase()))
            .collect();
        let cases: Vec<String> = texts.iter().map(|t| format!("\"{t}\"")).collect();
        self.choices_of.push((name.clone(), texts));
        format!("{}type {name} = {}", self.public(), cases.join(" | "))
    }

    pub(super) fn variant_type(&mut self) -> String {
        let name = self.fresh("Variant");
        let count = 1 + self.choices.below(4);
        let mut cases = Vec::new();
        let mut written = Vec::new();
        for _ in 0..count {
            let case = self.fresh("case");
            let parts: Vec<(String, Ty)> = (0..self.choices.below(3))
                .map(|n| (format!("part{n}"), self.ty(1)))
                .collect();
            let shown: Vec<String> = parts
                .iter()
                .map(|(n, t)| format!("{n}: {}", self.show(t)))
                .collect();
            written.push(match shown.len() {
                0 => case.clone(),
                _ => format!("{case}({})", shown.join(", ")),
            });
            cases.push((case, parts));
        }
        // A type of one case without parts would be another name for a type.
        if written.len() == 1 && cases[0].1.is_empty() {
            written[0].push_str("(part0: Int)");
            cases[0].1.push(("part0".to_owned(), Ty::Int));
        }
        let public = self.public();
        let members = if self.choices.chance(30) {
            let arms: Vec<String> = cases
                .iter()
                .map(|(case, parts)| {
                    let names: Vec<String> = parts.iter().map(|_| "_".to_owned()).collect();
                    let pattern = if names.is_empty() {
                        case.clone()
                    } else {
                        format!("{case}({})", names.join(", "))
                    };
                    format!("{pattern} => {}", self.choices.below(9))
                })
                .collect();
            format!(
                " {{\n    let weight = match self {{ {} }}\n}}",
                arms.join(", ")
            )
        } else {
            String::new()
        };
        self.variants.push(Variant {
            name: name.clone(),
            cases,
        });
        format!(
            "{public}type {name} =\n    {}{members}",
            written.join("\n    | ")
        )
    }

    pub(super) fn refined_type(&mut self) -> String {
        let name = self.fresh("Refined");
        let condition = (*self
            .choices
            .pick(&["1..999", "|n| n > 0", "|n| n < 1000 and n >= 1"]))
        .to_owned();
        self.refined.push(name.clone());
        format!("type {name} = Int where {condition}")
    }

    pub(super) fn unit(&mut self) -> String {
        let n = self.count;
        let dimension = self.fresh("Seats");
        // Units are made of letters alone.
        let letters: String = n
            .to_string()
            .chars()
            .map(|c| char::from(b'a' + c as u8 - b'0'))
            .collect();
        let (base, multiple) = (format!("seat{letters}"), format!("row{letters}"));
        let factor = 2 + self.choices.below(40);
        self.units
            .push((base.clone(), multiple.clone(), dimension.clone()));
        format!("unit {base}: {dimension}\nunit {multiple}: {dimension} = {factor}{base}")
    }

    pub(super) fn function(&mut self) -> String {
        let name = self.fresh("function");
        let mut params: Vec<(String, Ty)> = Vec::new();
        for n in 0..=self.choices.below(3) {
            params.push((format!("arg{n}"), self.ty(2)));
        }
        let result = self.ty(2);
        // A function sees what is at the top, and its parameters.
        let before = self.scope.len();
        for (name, ty) in &params {
            self.scope.push(Known {
                name: name.clone(),
                ty: ty.clone(),
            });
        }
        let body = self.value(&result, 3);
        self.scope.truncate(before);
        let shown: Vec<String> = params
            .iter()
            .map(|(n, t)| format!("{n}: {}", self.show(t)))
            .collect();
        let text = format!(
            "{}fn {name}({}): {} = {body}",
            self.public(),
            shown.join(", "),
            self.show(&result)
        );
        self.functions.push(Function {
            name,
            params,
            result,
        });
        text
    }

    pub(super) fn let_item(&mut self) -> String {
        let name = self.fresh("value");
        let function = self.choices.chance(8);
        let ty = if function {
            Ty::Function(Box::new(Ty::Int), Box::new(self.ty(1)))
        } else {
            self.ty(3)
        };
        let value = self.value(&ty, 4);
        let shown = self.show(&ty);
        let public = self.public();
        self.scope.push(Known {
            name: name.clone(),
            ty: ty.clone(),
        });
        // What is plain is found without being said.
        let said = !matches!(ty, Ty::Bool | Ty::Bytes | Ty::Duration) || self.choices.chance(50);
        if said {
            format!("{public}let {name}: {shown} = {value}")
        } else {
            format!("{public}let {name} = {value}")
        }
    }

    /// A kind with inputs and what it is made of.
    pub(super) fn kind(&mut self) -> String {
        let name = self.fresh("kind");
        let mut inputs: Vec<(String, Ty)> = Vec::new();
        let mut lines = Vec::new();
        let before = self.scope.len();
        for n in 0..self.choices.below(4) {
            let (input, ty) = (format!("input{n}"), self.ty(2));
            let default = if self.choices.chance(40) {
                format!(" = {}", self.value(&ty, 2))
            } else {
                String::new()
            };
            lines.push(format!("{input}: {}{default}", self.show(&ty)));
            // A later default may read it.
            self.scope.push(Known {
                name: input.clone(),
                ty: ty.clone(),
            });
            inputs.push((input, ty));
        }
        if self.choices.chance(40) {
            let (local, ty) = (self.fresh("local"), self.ty(2));
            lines.push(format!(
                "let {local}: {} = {}",
                self.show(&ty),
                self.value(&ty, 2)
            ));
            self.scope.push(Known { name: local, ty });
        }
        if self.choices.chance(30) {
            lines.push(format!(
                "require {} or true else \"`${{name}}` is wrong\"",
                self.operand(&Ty::Bool, 2)
            ));
        }
        let outer = std::mem::take(&mut self.declared);
        let mut made: Vec<String> = Vec::new();
        for _ in 0..=self.choices.below(2) {
            made.push(self.declaration());
        }
        if self.choices.chance(20) && !self.kinds.is_empty() {
            made.push(self.instance());
        }
        if self.choices.chance(30) {
            made.push(self.conditional());
        }
        if self.choices.chance(30) {
            made.push(self.repeated());
        }
        let inside = std::mem::replace(&mut self.declared, outer);
        lines.extend(made.iter().map(|m| m.replace('\n', "\n    ")));
        let service = inside.iter().find(|d| d.kind == "service");
        let out = service.map(|service| {
            lines.push(format!("out url = {}.url", service.name));
            "url".to_owned()
        });
        self.scope.truncate(before);
        self.kinds.push(Kind {
            name: name.clone(),
            inputs,
            out,
        });
        format!(
            "{}kind {name} {{\n    {}\n}}",
            self.public(),
            lines.join("\n    ")
        )
    }

    fn public(&mut self) -> &'static str {
        if self.choices.chance(15) { "pub " } else { "" }
    }
}

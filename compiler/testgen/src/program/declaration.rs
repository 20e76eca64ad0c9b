//! Declarations, environments, policies and tests.

use super::{Declared, Known, Maker, Ty};

const NAMED: &[(&str, usize)] = &[
    ("redis", 3),
    ("postgres", 3),
    ("queue", 2),
    ("bucket", 1),
    ("volume", 1),
    ("secret", 2),
    ("config", 1),
    ("service", 4),
    ("worker", 3),
    ("job", 1),
    ("cron", 1),
    ("route", 1),
    ("external", 1),
];

impl Maker<'_, '_> {
    /// A declaration of a kind of the standard library.
    pub(super) fn declaration(&mut self) -> String {
        let (text, declared) = self.declared_as("");
        self.declared.push(declared);
        text
    }

    /// A declaration with this key, or none.
    fn declared_as(&mut self, key: &str) -> (String, Declared) {
        let all: usize = NAMED.iter().map(|(_, w)| w).sum();
        let mut at = self.choices.below(all);
        let mut kind = "redis";
        for (name, weight) in NAMED {
            if at < *weight {
                kind = name;
                break;
            }
            at -= weight;
        }
        let name = self.fresh(&kind[..2]);
        let fields = self.fields(kind);
        let text = match fields.len() {
            0 if self.choices.chance(50) => format!("{kind} {name}{key}"),
            0 => format!("{kind} {name}{key} {{}}"),
            _ if fields.iter().all(|f| !f.contains('\n')) && self.choices.chance(30) => {
                format!("{kind} {name}{key} {{ {} }}", fields.join(", "))
            }
            _ => format!(
                "{kind} {name}{key} {{\n    {}\n}}",
                fields.join("\n    ").replace('\n', "\n    ")
            ),
        };
        (text, Declared { name, kind })
    }

    fn fields(&mut self, kind: &str) -> Vec<String> {
        let mut fields = Vec::new();
        match kind {
            "redis" => {
                self.maybe(&mut fields, "memory", &Ty::Bytes);
                self.maybe(&mut fields, "keep", &Ty::Bool);
            }
            "postgres" => {
                self.maybe(&mut fields, "storage", &Ty::Bytes);
                if self.choices.chance(30) {
                    fields.push(format!("version = {}", 13 + self.choices.below(6)));
                }
                if self.choices.chance(30) {
                    fields.push("backup = daily(at: \"03:00\", keep: 14d)".to_owned());
                }
                if self.choices.chance(30) {
                    fields.push("roles = { app = login(owns: [\"public\"]) }".to_owned());
                }
            }
            "queue" => self.maybe(&mut fields, "timeout", &Ty::Duration),
            "bucket" => self.maybe(&mut fields, "versions", &Ty::Bool),
            "volume" => fields.push(format!("size = {}", self.value(&Ty::Bytes, 2))),
            "secret" => {
                if self.choices.chance(40) {
                    fields.push("generate = random(32)".to_owned());
                }
            }
            "config" => fields.push(format!("values = {}", self.environment_values())),
            "route" => self.route(&mut fields),
            "external" => fields.push("url = \"https://api.example.com\"".to_owned()),
            _ => self.program(kind, &mut fields),
        }
        fields
    }

    fn maybe(&mut self, fields: &mut Vec<String>, name: &str, ty: &Ty) {
        if self.choices.chance(45) {
            fields.push(format!("{name} = {}", self.value(ty, 3)));
        }
    }

    fn route(&mut self, fields: &mut Vec<String>) {
        let name = self.fresh("host");
        fields.push(format!("host = \"{name}.example.com\""));
        let ends: Vec<String> = self
            .declared
            .iter()
            .filter(|d| matches!(d.kind, "service" | "bucket"))
            .map(|d| d.name.clone())
            .collect();
        if !ends.is_empty() {
            let end = self.choices.pick(&ends).clone();
            let end = if self.choices.chance(40) {
                format!("to({end}, strip: true)")
            } else {
                end
            };
            fields.push(format!(
                "paths = {{ \"/\" = {end}, \"/old\" = redirect(\"/\") }}"
            ));
        }
    }

    fn program(&mut self, kind: &str, fields: &mut Vec<String>) {
        fields.push(format!(
            "run = image(\"registry.example.com/{kind}:1.{}\")",
            self.choices.below(9)
        ));
        if self.choices.chance(70) {
            fields.push(format!("env = {}", self.environment_values()));
        }
        if kind == "cron" {
            fields.push("schedule = \"0 6 * * MON\"".to_owned());
        }
        if matches!(kind, "service" | "worker") && self.choices.chance(50) {
            let scale = match self.choices.below(3) {
                0 => (1 + self.choices.below(9)).to_string(),
                1 => format!(
                    "{}..{}",
                    1 + self.choices.below(3),
                    4 + self.choices.below(9)
                ),
                _ => "auto(2..10, cpu: 60%)".to_owned(),
            };
            fields.push(format!("scale = {scale}"));
        }
        if kind == "service" && self.choices.chance(40) {
            fields.push("ready = http(\"/healthz\")".to_owned());
        }
        if self.choices.chance(20) {
            fields.push("resources = { cpu = 250mcpu, memory = 256MiB }".to_owned());
        }
        let volumes: Vec<String> = self
            .declared
            .iter()
            .filter(|d| d.kind == "volume")
            .map(|d| d.name.clone())
            .collect();
        if !volumes.is_empty() && self.choices.chance(40) {
            fields.push(format!(
                "files = {{ \"/data\" = {}.read }}",
                self.choices.pick(&volumes)
            ));
        }
        let jobs: Vec<String> = self
            .declared
            .iter()
            .filter(|d| d.kind == "job")
            .map(|d| d.name.clone())
            .collect();
        if !jobs.is_empty() && self.choices.chance(30) {
            fields.push(format!("after = [{}]", self.choices.pick(&jobs)));
        }
    }

    /// A map of what environment variables may hold: what refers to others among it.
    fn environment_values(&mut self) -> String {
        let mut entries = Vec::new();
        for n in 0..=self.choices.below(4) {
            let links = self.links();
            let value = if !links.is_empty() && self.choices.chance(50) {
                let link = self.choices.pick(&links).clone();
                if self.choices.chance(30) {
                    format!("\"x ${{{link}}} y\"")
                } else {
                    link
                }
            } else {
                let ty = self
                    .choices
                    .pick(&[Ty::Text, Ty::Text, Ty::Int, Ty::Bool])
                    .clone();
                self.value(&ty, 3)
            };
            entries.push(format!("VALUE_{n} = {value}"));
        }
        let several = entries.iter().any(|e| e.contains('\n')) || self.choices.chance(40);
        if several {
            return format!("{{\n    {}\n}}", entries.join("\n    "));
        }
        format!("{{ {} }}", entries.join(", "))
    }

    /// What may be read of what is declared.
    fn links(&self) -> Vec<String> {
        self.declared
            .iter()
            .filter_map(|d| match d.kind {
                "secret" => Some(d.name.clone()),
                "redis" | "postgres" | "service" | "bucket" | "external" | "made" => {
                    Some(format!("{}.url", d.name))
                }
                "queue" => Some(format!("{}.send", d.name)),
                _ => None,
            })
            .collect()
    }

    /// A declaration of one of the program's own kinds.
    pub(super) fn instance(&mut self) -> String {
        if self.kinds.is_empty() {
            return self.declaration();
        }
        let kinds = self.kinds.clone();
        let kind = self.choices.pick(&kinds).clone();
        let name = self.fresh("made");
        let mut fields = Vec::new();
        for (input, ty) in &kind.inputs {
            fields.push(format!("{input} = {}", self.value(ty, 3)));
        }
        let text = format!(
            "{} {name} {{\n    {}\n}}",
            kind.name,
            fields.join("\n    ").replace('\n', "\n    ")
        );
        if kind.out.is_some() {
            self.declared.push(Declared { name, kind: "made" });
        }
        text
    }

    /// Declarations inside of `if`.
    pub(super) fn conditional(&mut self) -> String {
        let condition = self.head_condition(2);
        // Outside they are optional: nobody speaks of them.
        let (then, _) = self.declared_as("");
        let mut text = format!(
            "if {condition} {{\n    {}\n}}",
            then.replace('\n', "\n    ")
        );
        while self.choices.chance(30) {
            let (other, _) = self.declared_as("");
            let condition = self.head_condition(1);
            text.push_str(&format!(
                " else if {condition} {{\n    {}\n}}",
                other.replace('\n', "\n    ")
            ));
        }
        if self.choices.chance(40) {
            let (other, _) = self.declared_as("");
            text.push_str(&format!(
                " else {{\n    {}\n}}",
                other.replace('\n', "\n    ")
            ));
        }
        text
    }

    /// Declarations inside of `for`.
    pub(super) fn repeated(&mut self) -> String {
        let name = self.fresh("each");
        let before = self.scope.len();
        let (head, key) = match self.choices.below(3) {
            0 => {
                self.scope.push(Known {
                    name: name.clone(),
                    ty: Ty::Text,
                });
                (
                    format!("for {name} in [\"a\", \"b\", \"c\"]"),
                    format!("[{name}]"),
                )
            }
            1 => {
                let fields = vec![
                    ("label".to_owned(), Ty::Text),
                    ("size".to_owned(), Ty::Bytes),
                ];
                self.scope.push(Known {
                    name: name.clone(),
                    ty: Ty::Record(fields),
                });
                let rows = "[{ label = \"a\", size = 1MiB }, { label = \"b\", size = 2MiB }]";
                (format!("for {name} in {rows}"), format!("[{name}.label]"))
            }
            _ => {
                let value = self.fresh("of");
                self.scope.push(Known {
                    name: name.clone(),
                    ty: Ty::Text,
                });
                self.scope.push(Known {
                    name: value.clone(),
                    ty: Ty::Int,
                });
                // A record may not begin in a head.
                (
                    format!("for {name}, {value} in ({{ a = 1, b = 2 }})"),
                    format!("[{name}]"),
                )
            }
        };
        let (inside, _) = self.declared_as(&key);
        self.scope.truncate(before);
        format!("{head} {{\n    {}\n}}", inside.replace('\n', "\n    "))
    }

    pub(super) fn policy(&mut self) -> String {
        let name = self.fresh("policy");
        let kind = *self.choices.pick(&[
            "redis", "postgres", "service", "workload", "resource", "link",
        ]);
        let condition = self.operand(&Ty::Bool, 2);
        format!(
            "policy {name}(it: {kind}) {{\n    when    = {}\n    require = {condition} or true\n    message = \"never said\"\n}}",
            self.operand(&Ty::Bool, 1)
        )
    }

    pub(super) fn test(&mut self) -> String {
        let name = self.fresh("test");
        format!(
            "test {name} {{\n    assert = {} or true\n}}",
            self.operand(&Ty::Bool, 2)
        )
    }

    /// What the app is given by its environments.
    pub(super) fn inputs(&mut self, head: &mut String) {
        if self.choices.chance(50) {
            return;
        }
        head.push_str(" {\n    domain: String = \"example.com\"\n    wide: Bool = false\n}");
        self.scope.push(Known {
            name: "domain".to_owned(),
            ty: Ty::Text,
        });
        self.scope.push(Known {
            name: "wide".to_owned(),
            ty: Ty::Bool,
        });
    }

    /// The environments; the first extends nothing.
    pub(super) fn environments(&mut self) -> Vec<String> {
        let mut items = Vec::new();
        let last = self.choices.below(2);
        let left_out = self.spared(&["worker", "cron"]);
        let owned_by_the_first = self.spared(&["redis", "postgres"]);
        let renamed = self
            .choices
            .chance(20)
            .then(|| self.declared.first().cloned());
        if let Some(Some(declared)) = renamed {
            items.push(format!("moved {} to {}", self.fresh("gone"), declared.name));
        }
        for n in 0..=last {
            let mut lines = Vec::new();
            if n == last
                && let Some(name) = &left_out
            {
                lines.push(format!("omit = [{name}]"));
            }
            if n == 1
                && let Some(name) = &owned_by_the_first
            {
                lines.push(format!("place = {{ {name} = in(env0, {name}) }}"));
            }
            if self.choices.chance(20) {
                lines.push("each postgres { protect = true }".to_owned());
            }
            if n == 0 || self.choices.chance(30) {
                lines.push("target = local {}".to_owned());
            } else {
                lines.push(format!("extends = env{}", n - 1));
            }
            let set = self.settings();
            if !set.is_empty() {
                lines.push(format!(
                    "set = {{\n        {}\n    }}",
                    set.join("\n        ")
                ));
            }
            if self.choices.chance(30) {
                lines.push("each worker { scale = 1 }".to_owned());
            }
            if self.choices.chance(20) {
                lines.push("ttl = 3d".to_owned());
            }
            items.push(format!("env env{n} {{\n    {}\n}}", lines.join("\n    ")));
            self.environments.push(format!("env{n}"));
        }
        if self.choices.chance(25) {
            items.push(
                "env preview[pr: Int where 1..999] {\n    target = kubernetes { context = \"previews\", namespace = \"made-${pr}\" }\n}"
                    .to_owned(),
            );
            self.environments.push("preview[7]".to_owned());
        }
        items
    }

    /// One of what is declared of these kinds, sometimes; from now on nothing else is said of it.
    fn spared(&mut self, kinds: &[&str]) -> Option<String> {
        if !self.choices.chance(40) {
            return None;
        }
        let fits = |d: &Declared| kinds.contains(&d.kind);
        let count = self.declared.iter().filter(|d| fits(d)).count();
        let which = self.choices.below(count.max(1));
        let found = (0..)
            .zip(&self.declared)
            .filter(|(_, d)| fits(d))
            .nth(which);
        let at: usize = found.map(|(at, _)| at)?;
        Some(self.declared.remove(at).name)
    }

    fn settings(&mut self) -> Vec<String> {
        let mut set = Vec::new();
        if self.scope.iter().any(|k| k.name == "domain") && self.choices.chance(50) {
            set.push("wide = true".to_owned());
        }
        for declared in self.declared.clone() {
            if !self.choices.chance(20) {
                continue;
            }
            match declared.kind {
                "redis" => set.push(format!(
                    "{}.memory = {}",
                    declared.name,
                    self.value(&Ty::Bytes, 1)
                )),
                "postgres" => set.push(format!("{}.storage = 20GiB", declared.name)),
                "worker" => set.push(format!("{}.scale = 2..4", declared.name)),
                _ => {}
            }
        }
        set
    }
}

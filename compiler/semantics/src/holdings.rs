//! What the environments of an app use of each other.

use std::sync::Arc;

use plat_model::{Hold, NodePath};

use crate::api::Database;
use crate::db::{Db, ItemId, SourceFile};
use crate::diag::{Diag, Spot};
use crate::eval::{Checked, EnvKey, evaluate};

/// Could a file speak of another environment? Asked of its text alone, once for each text.
#[salsa::tracked(returns(copy))]
fn may_speak_of_others(db: &dyn Db, file: SourceFile) -> bool {
    let text = file.text(db);
    text.match_indices("in").any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let rest = text.get(at + 2..).unwrap_or_default();
        let in_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !before.ends_with(in_a_word) && rest.trim_start().starts_with('(')
    })
}

impl Database {
    /// What the environments use of each other. Where no text speaks of another environment,
    /// which is seen at a look, none of them has to be evaluated for it.
    fn holdings(&self) -> Vec<(ItemId, &Checked)> {
        let files = self.own_files();
        if !files.iter().any(|file| may_speak_of_others(self, *file)) {
            return Vec::new();
        }
        let envs = self.plain_envs().into_iter();
        envs.map(|env| (env, evaluate(self, EnvKey::new(self, env, Arc::from([])))))
            .collect()
    }

    /// What the other environments use of one.
    pub(crate) fn held(&self, env: &str) -> Vec<Hold> {
        let mut held: Vec<Hold> = Vec::new();
        for (other, evaluated) in self.holdings() {
            let holds = evaluated.holds.iter().filter(|h| h.environment == env);
            held.extend(holds.map(|h| Hold {
                node: NodePath::new(h.node.clone()),
                environment: other.name(self).to_string(),
                by: NodePath::new(h.by.clone()),
            }));
        }
        held.sort();
        held.dedup();
        held
    }

    /// Environments that use each other's things in a circle: none of them could be the first to
    /// be brought up, nor the first to be taken down.
    pub(crate) fn holding_circles(&self) -> Vec<Diag> {
        let holdings = self.holdings();
        let mut diags = Vec::new();
        let mut told: Vec<String> = Vec::new();
        for (env, _) in &holdings {
            let start = env.name(self).to_string();
            let mut way = vec![start.clone()];
            if let Some(spot) = self.way_back(&holdings, &mut way, &mut Vec::new())
                && !way.iter().any(|name| told.contains(name))
            {
                told.extend(way.iter().cloned());
                way.push(start);
                let names: Vec<String> = way.iter().map(|n| format!("`{n}`")).collect();
                let message = "these environments use each other's things in a circle";
                let diag = Diag::error("E0614", spot, message)
                    .note(names.join(" → "))
                    .help("let one environment own what they share");
                diags.push(diag);
            }
        }
        diags
    }

    /// Goes on from the last environment of a way until it is back at the first one; the place
    /// where the first step of it is said.
    fn way_back(
        &self,
        holdings: &[(ItemId, &Checked)],
        way: &mut Vec<String>,
        seen: &mut Vec<String>,
    ) -> Option<Spot> {
        let at = way.last()?.clone();
        let (_, evaluated) = holdings.iter().find(|(env, _)| **env.name(self) == *at)?;
        for hold in &evaluated.holds {
            if way.first() == Some(&hold.environment) {
                return Some(hold.spot);
            }
            if seen.contains(&hold.environment) {
                continue;
            }
            seen.push(hold.environment.clone());
            way.push(hold.environment.clone());
            if self.way_back(holdings, way, seen).is_some() {
                return Some(hold.spot);
            }
            way.pop();
        }
        None
    }
}

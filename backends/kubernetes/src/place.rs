//! Where an environment is: which cluster, which namespace, and which names in it.

use std::fmt;

use plat_model::{Graph, TargetId};

use crate::lower;

/// What the target's constructor is called in the source.
const KIND: &str = "kubernetes";

/// A place in a cluster, as plans write it at their head: `kubernetes prod-eu/shop`, and
/// `kubernetes prod-eu/shop/blue-*` where the names of all objects begin with `blue-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The context of the kubeconfig.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// What stands before every name.
    pub prefix: String,
}

impl Place {
    /// The place of a graph's target.
    pub fn of(target: &TargetId, graph: &Graph) -> Self {
        let text = |name: &str| lower::setting(target, graph, name).unwrap_or_default();
        Self {
            context: text("context").to_owned(),
            namespace: lower::namespace(target, graph),
            prefix: text("prefix").to_owned(),
        }
    }

    /// The place that a plan's head names; `None` where it names another target.
    pub fn read(described: &str) -> Option<Self> {
        let at = described.strip_prefix(KIND)?.strip_prefix(' ')?;
        // A context may have slashes; neither of the others has.
        let (at, prefix) = match at.strip_suffix('*') {
            Some(at) => at.rsplit_once('/')?,
            None => (at, ""),
        };
        let (context, namespace) = at.rsplit_once('/')?;
        Some(Self {
            context: context.to_owned(),
            namespace: namespace.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND} {}/{}", self.context, self.namespace)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}*", self.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for (context, namespace, prefix) in [
            ("prod-eu", "shop", ""),
            ("prod-eu", "shop", "blue-"),
            ("arn:aws:eks:eu-west-1:1:cluster/prod", "shop", "a-"),
            ("me @ work", "shop", ""),
        ] {
            let place = Place {
                context: context.into(),
                namespace: namespace.into(),
                prefix: prefix.into(),
            };
            assert_eq!(Place::read(&place.to_string()), Some(place));
        }
        assert_eq!(Place::read("local"), None);
    }
}

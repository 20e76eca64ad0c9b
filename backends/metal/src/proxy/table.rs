//! Which rule a request falls under: pure, from a configuration.

use super::config::{Config, PathRule, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The routes, ready to be looked up.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Rules by host, each list with the longest path first.
    exact: BTreeMap<String, Vec<Arc<Rule>>>,
    /// The same for `*.HOST`, by `HOST`.
    wildcard: BTreeMap<String, Vec<Arc<Rule>>>,
}

/// One path of one route.
#[derive(Debug)]
pub(super) struct Rule {
    /// The route's name.
    pub(super) route: String,
    /// What the configuration says, the path without a slash at its end.
    pub(super) rule: PathRule,
}

/// Why there is no rule for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoRule {
    /// No route has this host.
    Host,
    /// The host's routes have nothing at this path.
    Path,
}

impl Table {
    /// Puts the routes in order.
    ///
    /// # Errors
    /// Says which route and which of its parts can't be used.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let mut table = Self::default();
        for route in &config.routes {
            for path in &route.paths {
                let fault =
                    |why: String| format!("route {}, path `{}`: {why}", route.name, path.path);
                let rule = Arc::new(Rule {
                    route: route.name.clone(),
                    rule: checked(config, path).map_err(fault)?,
                });
                for host in &route.hosts {
                    let host = host.to_ascii_lowercase();
                    let rules = match host.strip_prefix("*.") {
                        Some(parent) => table.wildcard.entry(parent.to_owned()),
                        None => table.exact.entry(host.clone()),
                    }
                    .or_default();
                    if let Some(other) = rules.iter().find(|r| r.rule.path == rule.rule.path) {
                        return Err(fault(format!(
                            "the route {} has the same path on the host {host}",
                            other.route
                        )));
                    }
                    rules.push(Arc::clone(&rule));
                }
            }
        }
        for rules in table.exact.values_mut().chain(table.wildcard.values_mut()) {
            rules.sort_by(|a, b| {
                let (a, b) = (&a.rule.path, &b.rule.path);
                b.len().cmp(&a.len()).then_with(|| a.cmp(b))
            });
        }
        Ok(table)
    }

    /// The rule for a host (as in the `Host` header, with or without a port) and a path.
    pub(super) fn find(&self, host: &str, path: &str) -> Result<Arc<Rule>, NoRule> {
        let host = bare_host(host).to_ascii_lowercase();
        let parent = host.split_once('.').map(|(_, parent)| parent);
        let rules = self
            .exact
            .get(&host)
            .or_else(|| self.wildcard.get(parent?))
            .ok_or(NoRule::Host)?;
        rules
            .iter()
            .find(|rule| below(path, &rule.rule.path).is_some())
            .cloned()
            .ok_or(NoRule::Path)
    }

    /// Every host there is, in order.
    pub(super) fn hosts(&self) -> Vec<String> {
        let wildcards = self.wildcard.keys().map(|host| format!("*.{host}"));
        self.exact.keys().cloned().chain(wildcards).collect()
    }

    /// Every rule once, in no particular order of paths.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.exact.values().chain(self.wildcard.values()).flatten()
    }
}

/// What is left of `path` below `prefix` (which has no slash at its end), if it is there: empty, or
/// beginning with a slash.
pub(super) fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn bare_host(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or(host);
    }
    let host = host.split(':').next().unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

fn checked(config: &Config, path: &PathRule) -> Result<PathRule, String> {
    if !path.path.starts_with('/') {
        return Err("it does not begin with `/`".to_owned());
    }
    match &path.to {
        Target::Service(name) if !config.services.contains_key(name) => {
            return Err(format!("there is no service `{name}`"));
        }
        Target::Redirect { to, status } => {
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Err(format!("{status} is not a status for a redirect"));
            }
            if !to.starts_with('/') && !to.starts_with("http://") && !to.starts_with("https://") {
                return Err(format!("`{to}` is neither a path nor an http URL"));
            }
        }
        _ => {}
    }
    if path
        .limit
        .is_some_and(|limit| limit.requests == 0 || limit.per_ms == 0)
    {
        return Err("a limit of nothing lets nobody in".to_owned());
    }
    let mut path = path.clone();
    path.path = path.path.trim_end_matches('/').to_owned();
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::config::{Route, Service};

    fn route(name: &str, hosts: &[&str], paths: &[&str]) -> Route {
        Route {
            name: name.to_owned(),
            hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
            paths: paths
                .iter()
                .map(|path| PathRule {
                    path: (*path).to_owned(),
                    to: Target::Service("api".to_owned()),
                    strip: false,
                    timeout_ms: 1,
                    limit: None,
                })
                .collect(),
        }
    }

    fn table(routes: Vec<Route>) -> Result<Table, String> {
        Table::new(&Config {
            routes,
            services: BTreeMap::from([("api".to_owned(), Service::default())]),
            ..Config::default()
        })
    }

    #[test]
    fn whole_segments_longest_first_port_and_case_ignored() {
        let table = table(vec![
            route(
                "public",
                &["shop.localhost", "[::1]"],
                &["/", "/api", "/api/v2/"],
            ),
            route("more", &["*.shop.localhost", "shop.localhost"], &["/more"]),
        ])
        .unwrap();
        let check = |host: &str, path: &str, found: &str| {
            let rule = table.find(host, path);
            let got = match &rule {
                Ok(rule) => format!("{}{}", rule.route, rule.rule.path),
                Err(e) => format!("{e:?}"),
            };
            assert_eq!(got, found, "{host} {path}");
        };
        check("shop.localhost", "/", "public");
        check("SHOP.localhost.:8080", "/api", "public/api");
        check("shop.localhost", "/apix", "public");
        check("shop.localhost", "/api/v2", "public/api/v2");
        check("shop.localhost", "/api/v2x", "public/api");
        check("shop.localhost", "/more/x", "more/more");
        check("[::1]:80", "/x", "public");
        check("pr-1.shop.localhost", "/more", "more/more");
        check("pr-1.shop.localhost", "/", "Path");
        check("a.b.shop.localhost", "/more", "Host");
        check("localhost", "/", "Host");
        check("", "/", "Host");
        assert_eq!(
            table.hosts(),
            ["[::1]", "shop.localhost", "*.shop.localhost"]
        );
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        let check = |routes, said: &str| assert_eq!(table(routes).unwrap_err(), said);
        check(
            vec![route("a", &["x"], &["api"])],
            "route a, path `api`: it does not begin with `/`",
        );
        check(
            vec![route("a", &["x"], &["/"]), route("b", &["X"], &["/"])],
            "route b, path `/`: the route a has the same path on the host x",
        );
        let mut unknown = route("a", &["x"], &["/"]);
        unknown.paths[0].to = Target::Service("web".to_owned());
        check(
            vec![unknown],
            "route a, path `/`: there is no service `web`",
        );
    }
}

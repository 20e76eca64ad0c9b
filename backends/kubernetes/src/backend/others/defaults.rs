//! What the API server says of an object by itself.

use serde_json::Value as Json;

/// What the API server says by itself where nobody does: without it nothing is another. Where a field
/// stands, and what it is.
const DEFAULTS: [(&str, &str); 21] = [
    ("dnsPolicy", "ClusterFirst"),
    ("failureThreshold", "3"),
    ("internalTrafficPolicy", "Cluster"),
    ("ipFamilyPolicy", "SingleStack"),
    ("ports.*.protocol", "TCP"),
    ("progressDeadlineSeconds", "600"),
    ("restartPolicy", "Always"),
    ("revisionHistoryLimit", "10"),
    ("schedulerName", "default-scheduler"),
    ("sessionAffinity", "None"),
    ("spec.podManagementPolicy", "OrderedReady"),
    ("spec.strategy.rollingUpdate.maxSurge", "25%"),
    ("spec.strategy.rollingUpdate.maxUnavailable", "25%"),
    ("spec.strategy.type", "RollingUpdate"),
    ("spec.type", "ClusterIP"),
    ("successThreshold", "1"),
    ("terminationGracePeriodSeconds", "30"),
    ("terminationMessagePath", "/dev/termination-log"),
    ("terminationMessagePolicy", "File"),
    ("timeoutSeconds", "1"),
    ("volumeMode", "Filesystem"),
];
/// Fields that say nothing where nothing is in them.
const EMPTY: [&str; 2] = ["resources", "securityContext"];

/// Takes out what the API server would say by itself.
pub(super) fn undefaulted(value: &mut Json, path: &str) {
    let is_default = |at: &str, value: &Json| {
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => return false,
        };
        let mut known = DEFAULTS.iter();
        known.any(|(place, default)| *default == value && ends_with(at, place))
    };
    match value {
        Json::Object(map) => {
            map.retain(|name, value| {
                let at = format!("{path}.{name}");
                let had = has_some(value);
                undefaulted(value, &at);
                // What held nothing but these is none either.
                let empty = !has_some(value) && (had || EMPTY.contains(&name.as_str()));
                !is_default(&at, value) && !empty
            });
        }
        Json::Array(items) => {
            for item in items {
                undefaulted(item, &format!("{path}.*"));
            }
        }
        _ => {}
    }
}

fn has_some(value: &Json) -> bool {
    value.as_object().is_none_or(|map| !map.is_empty())
}

fn ends_with(path: &str, place: &str) -> bool {
    let rest = path.strip_suffix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

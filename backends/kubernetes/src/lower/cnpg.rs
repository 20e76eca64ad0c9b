//! PostgreSQL as a `Cluster` of CloudNativePG, where the target names the namespace of its operator.
//!
//! The operator makes the pods, their volumes, certificates and Services, and lets a standby take over
//! where the primary is lost. What is told to it is told as data: roles are managed ones, whose
//! passwords it takes from Secrets of ours, extensions those of a `Database`. The administrator can't
//! be reached over the network.
//!
//! It says nothing where there is no such operator: then `postgres.rs` makes a server of its own. Which
//! of the two it is stands in the source, and does not follow from what a cluster happens to have: a
//! database that became another one because somebody installed or removed an operator would be an empty
//! one.

use std::collections::BTreeMap;

use plat_engine::fields::{self, Fields};
use plat_engine::{HeldData, OnChange, Refusal};
use plat_model::{Graph, Node, NodePath, TargetId};

use super::outs::{OWNER, PASSWORD, POSTGRES, READER, database, owner, reader};
use super::pods::bytes;
use super::postgres::{Asks, needs, quoted};
use super::resources::SERVER;
use super::settings::Settings;
use super::{Ground, Lowering, Put, object_id};
use crate::cluster::{CLUSTER, DATABASE};
use crate::json::{Json, json};
use crate::names;

/// The API that the operator brings.
const API: &str = "postgresql.cnpg.io/v1";
/// The port on which the operator and the pods ask each other how they are.
const STATUS: u16 = 8000;
/// The ports on which API servers answer.
const API_SERVER: [u16; 2] = [443, 6443];
/// The longest name that the operator takes: it adds to it.
const LONGEST: usize = 50;
/// What the operator makes beside a `Cluster`, by kind as an id names it: what stands behind the `Cluster`'s name. The name
/// alone is the empty one. The claims of its instances have a number behind it, which only grows.
const BESIDE: [(&str, &[&str]); 6] = [
    ("Service", &["-any", "-r", "-ro", "-rw"]),
    ("Secret", &["-ca", "-replication", "-server"]),
    ("PodDisruptionBudget", &["", "-primary"]),
    ("ServiceAccount", &[""]),
    ("Role.rbac.authorization.k8s.io", &[""]),
    ("RoleBinding.rbac.authorization.k8s.io", &[""]),
];
/// The kinds whose names are a `Cluster`'s with a number behind it.
const NUMBERED: [&str; 2] = ["PersistentVolumeClaim", "Pod"];
/// The label of a Secret whose new values the operator is to use at once.
const RELOAD: &str = "cnpg.io/reload";
/// From which version on there is a role that may read everything.
const READS_ALL: u32 = 14;

impl<'a> Lowering<'a> {
    /// Whether databases are the operator's.
    pub(super) fn is_operated(&self) -> bool {
        self.settings.cnpg_namespace.is_some()
    }

    /// The name of a database's `Cluster`. It follows from the database alone: under another name it
    /// would be another, empty one.
    pub(super) fn cluster_name(&self, node: &Node) -> String {
        cluster_name(&self.settings.prefix, node)
    }

    /// Refuses an object that has the name of one that the operator makes for a database: it would take
    /// this for its own, or could not make its own.
    pub(super) fn refuse_beside(
        &mut self,
        kind: &str,
        name: &str,
        of: Option<&(&NodePath, &Node)>,
    ) {
        let Some((path, node)) = of else { return };
        let Some(database) = self.ground.made_beside(kind, name).filter(|d| d != path) else {
            return;
        };
        let offer = match node.kind.name.as_str() {
            "raw_object" => format!("Give `{path}` another name: metadata = {{ name = \"…\" }}"),
            _ => format!("Give `{path}` another name: name = \"…\""),
        };
        self.told.refusals.push(Refusal {
            node: Some((*path).clone()),
            field: None,
            place: self.graph.origins.place(node.origin).cloned(),
            message: format!(
                "it would be the {kind} `{name}`, which CloudNativePG makes for the database `{database}`"
            ),
            offers: vec![offer],
        });
    }

    /// Under which name the primary is found.
    pub(super) fn cluster_host(&self, node: &Node) -> String {
        format!("{}-rw", self.cluster_name(node))
    }

    /// The Secret with what one of the two roles comes in with.
    pub(super) fn role_secret(&self, node: &Node, role: &str) -> String {
        self.helper(node, role)
    }

    /// What there is before others may use a database.
    pub(super) fn operated_is_there(&self, node: &Node) -> Vec<String> {
        let name = self.cluster_name(node);
        let mut ids = vec![object_id(CLUSTER, &name)];
        let extensions = fields::field(node, "extensions").map(fields::texts);
        if extensions.is_some_and(|extensions| !extensions.is_empty()) {
            ids.push(object_id(DATABASE, &name));
        }
        ids
    }

    pub(super) fn operated(&mut self, fields: &mut Fields<'a>, version: u32) {
        let (path, node) = (fields.path, fields.node);
        let name = self.cluster_name(node);
        for (role, user) in [(OWNER, owner(node)), (READER, reader(node))] {
            let secret = self.role_secret(node, role);
            let keys = [
                ("username".to_owned(), format!("is({user})")),
                (PASSWORD.to_owned(), "random(32)".to_owned()),
            ];
            let put = self.keys(&secret, &keys.into());
            let label = format!("credentials of {path}'s {role}");
            self.put(
                put.of(fields)
                    .annotate(names::ROLE, role.to_owned())
                    .mark(RELOAD, "true")
                    .label(label),
            );
        }
        let way = self.helper(node, "cluster");
        self.operated_network(fields, &way);
        self.operated_cluster(fields, &name, &way, version);
        self.operated_extensions(fields, &name);
        let (host, user) = (self.cluster_host(node), owner(node));
        let secret = self.role_secret(node, OWNER);
        let asks = Asks {
            image: self.settings.postgres(version),
            host,
            user,
            secret,
            key: PASSWORD,
            server: self.name(node),
            after: object_id(CLUSTER, &name),
        };
        let size = fields.amount("storage").unwrap_or(10 << 30);
        self.backup(fields, &asks, size);
    }

    fn operated_cluster(&mut self, fields: &mut Fields<'a>, name: &str, way: &str, version: u32) {
        let (path, node) = (fields.path, fields.node);
        let instances: u32 = fields.number("replicas").unwrap_or(1);
        let size = fields.amount("storage").unwrap_or(10 << 30);
        let (owner_secret, reader_secret) = (
            self.role_secret(node, OWNER),
            self.role_secret(node, READER),
        );
        let (owner, reader) = (owner(node), reader(node));
        let mut labels = self.ownership();
        labels.insert(names::PATH.into(), names::label(path.as_str()).into());
        labels.insert(names::PART.into(), SERVER.into());
        let in_roles = (version >= READS_ALL).then(|| json!(["pg_read_all_data"]));
        let (before, within) = first(node, version);
        // With a standby at hand no commit that was answered is lost with the primary; without one the
        // database goes on.
        let synchronous = (instances > 1).then(|| {
            json!({ "synchronous": {
                "method": "any", "number": 1, "dataDurability": "preferred",
            }})
        });
        let body = json!({ "spec": {
            "instances": instances,
            "imageName": self.settings.cnpg_image(version),
            "imagePullSecrets": self.pull_secrets(),
            // One that is alone would keep its node from ever being emptied.
            "enablePDB": instances > 1,
            "storage": { "size": bytes(size), "storageClass": self.settings.storage_class },
            "bootstrap": { "initdb": {
                "database": database(node),
                "owner": owner,
                "secret": { "name": owner_secret },
                "dataChecksums": true,
                "postInitSQL": before,
                "postInitApplicationSQL": within,
            }},
            // The list is ours as a whole: what is a default in it would else be a change.
            "managed": { "roles": [{
                "name": reader,
                "ensure": "present",
                "login": true,
                "inherit": true,
                "connectionLimit": -1,
                "inRoles": in_roles,
                "passwordSecret": { "name": reader_secret },
            }]},
            "postgresql": synchronous,
            "resources": needs(fields),
            // By these the links' policies know the pods, and whoever looks for them.
            "inheritedMetadata": { "labels": labels },
        }});
        let copies = match instances {
            1 => "1 instance, without failover".to_owned(),
            n => format!("{n} instances"),
        };
        fields.inform("", format!("CloudNativePG keeps it: {copies}"));
        let how = "the standbys start anew, then the primary".to_owned();
        let mut put = Put::new(CLUSTER, API, name, body)
            .of(fields)
            .label(format!(
                "CloudNativePG for {path}: PostgreSQL {version}, {copies}"
            ))
            .annotate(crate::cluster::HIBERNATION, "off".to_owned())
            .after([
                object_id("Secret", &owner_secret),
                object_id("Secret", &reader_secret),
                object_id("NetworkPolicy", &self.name(node)),
                object_id("NetworkPolicy", way),
            ])
            .on_change("spec.imageName", OnChange::Restart { how: how.clone() })
            .on_change("spec.resources", OnChange::Restart { how })
            .on_change("spec.storage.storageClass", OnChange::Replace);
        put.holds = Some(HeldData {
            what: format!("the database {path} and all its rows"),
            kept_on_delete: true,
        });
        self.put(put);
    }

    /// The extensions, which may change while the database is there.
    fn operated_extensions(&mut self, fields: &Fields<'a>, name: &str) {
        let extensions = fields.texts("extensions");
        if extensions.is_empty() {
            return;
        }
        let extensions: Vec<Json> = extensions
            .iter()
            .map(|extension| json!({ "name": extension, "ensure": "present" }))
            .collect();
        let node = fields.node;
        let body = json!({ "spec": {
            "cluster": { "name": name },
            "name": database(node),
            "owner": owner(node),
            "extensions": extensions,
            // Its rows go with the `Cluster`, and not with what is said of it here.
            "databaseReclaimPolicy": "retain",
        }});
        self.put(
            Put::new(DATABASE, API, name, body)
                .of(fields)
                .label(format!("extensions of {}", fields.path))
                .after([object_id(CLUSTER, name)]),
        );
    }

    /// What the operator and the pods need of each other, beside the links.
    fn operated_network(&mut self, fields: &Fields<'a>, name: &str) {
        let path = fields.path;
        let own = self.selector(Some(path), SERVER);
        let tcp = |ports: &[u16]| -> Vec<Json> {
            let ports = ports.iter();
            ports
                .map(|port| json!({ "port": *port, "protocol": "TCP" }))
                .collect()
        };
        let each_other = json!([{ "podSelector": { "matchLabels": own.clone() } }]);
        let operator = json!([{ "namespaceSelector": { "matchLabels": {
            "kubernetes.io/metadata.name": self.settings.cnpg_namespace,
        }}}]);
        let body = json!({ "spec": {
            "podSelector": { "matchLabels": own },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                { "from": each_other.clone(), "ports": tcp(&[POSTGRES, STATUS]) },
                { "from": operator, "ports": tcp(&[POSTGRES, STATUS]) },
            ],
            "egress": [
                { "to": each_other, "ports": tcp(&[POSTGRES, STATUS]) },
                { "ports": tcp(&API_SERVER) },
            ],
        }});
        self.put(
            Put::new("NetworkPolicy", "networking.k8s.io/v1", name, body)
                .of(fields)
                .label(format!("what CloudNativePG needs for {path}")),
        );
        self.note(
            path,
            None,
            "its pods ask the cluster's API server, whose address NetworkPolicy can't name: ports 443 and 6443 of any address are open to them".to_owned(),
        );
    }
}

/// The name of a database's `Cluster`.
fn cluster_name(prefix: &str, node: &Node) -> String {
    names::within(&names::name(&format!("{prefix}{}", node.name)), LONGEST)
}

/// The databases of a target that are the operator's, by the names of their `Cluster`s.
pub(super) fn operated<'a>(
    target: &TargetId,
    graph: &'a Graph,
    settings: &Settings,
) -> BTreeMap<String, &'a NodePath> {
    if settings.cnpg_namespace.is_none() {
        return BTreeMap::new();
    }
    let nodes = graph.nodes.iter();
    let databases = nodes.filter(|(_, node)| {
        node.kind.name == "postgres" && node.target == *target && node.existing.is_none()
    });
    databases
        .map(|(path, node)| (cluster_name(&settings.prefix, node), path))
        .collect()
}

impl<'a> Ground<'a> {
    /// The database for which the operator makes an object of that kind and name.
    fn made_beside(&self, kind: &str, name: &str) -> Option<&'a NodePath> {
        if self.operated.is_empty() {
            return None;
        }
        let of = |cluster: &str| self.operated.get(cluster).copied();
        if NUMBERED.contains(&kind) {
            let (cluster, number) = name.rsplit_once('-')?;
            let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            return of(cluster).filter(|_| is_number && !number.starts_with('0'));
        }
        let (_, behind) = BESIDE.iter().find(|(of, _)| *of == kind)?;
        behind.iter().find_map(|end| of(name.strip_suffix(end)?))
    }
}

/// What is done to a database once, when it is made: in the administrator's database before it is
/// there, and within it.
fn first(node: &Node, version: u32) -> (Vec<String>, Vec<String>) {
    let (owner, reader) = (quoted(&owner(node)), quoted(&reader(node)));
    let database = quoted(&database(node));
    let before = vec![
        format!("CREATE ROLE {reader} LOGIN"),
        format!("ALTER ROLE {reader} SET default_transaction_read_only = on"),
    ];
    let mut within = vec![
        format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC"),
        format!("GRANT CONNECT ON DATABASE {database} TO {reader}"),
        format!("ALTER SCHEMA public OWNER TO {owner}"),
    ];
    if version < READS_ALL {
        within.push(format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {reader}"
        ));
    }
    (before, within)
}

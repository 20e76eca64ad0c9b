//! Databases of CloudNativePG, where the target names its namespace.

use plat_kubernetes::lower::lower;
use plat_kubernetes::render::render;
use plat_model::TargetId;

use crate::program::{facts, graph, shown};

fn program(target: &str, database: &str) -> String {
    format!(
        "app shop\npostgres db {{ {database} }}\nservice api {{ run = image(\"x:1\"), env = {{ URL = db.url, READ = db.read_only_url, AT = db.address }} }}\nenv prod {{ target = kubernetes {{ context = \"c\"{target} }} }}\n"
    )
}

const OPERATOR: &str = ", cnpg_namespace = \"cnpg-system\"";

#[test]
fn a_database_is_a_cluster_of_the_operator() {
    let text = program(
        OPERATOR,
        "replicas = 3, extensions = [\"pg_trgm\"], backup = hourly",
    );
    let graph = graph(&text);
    let rendered = render(&TargetId::main(), &graph, &facts(&graph), |_| true).unwrap();
    let names: Vec<&String> = rendered.files.keys().collect();
    insta::assert_snapshot!(format!("{names:#?}"));
    let shown: Vec<&str> = [
        "cluster-db.yaml",
        "database-db.yaml",
        "networkpolicy-db.yaml",
        "networkpolicy-db-cluster.yaml",
        "secret-db-owner.yaml",
        "cronjob-db-backup.yaml",
        "deployment-api.yaml",
    ]
    .iter()
    .filter_map(|name| rendered.files.get(*name).map(String::as_str))
    .collect();
    insta::assert_snapshot!(shown.join("---\n"));
}

#[test]
fn what_reads_it_waits_for_it() {
    let graph = graph(&program(OPERATOR, "extensions = [\"pg_trgm\"]"));
    let lowered = lower(&TargetId::main(), &graph, &facts(&graph)).unwrap();
    let mut objects = lowered.objects.iter();
    let api = objects.find(|o| o.id.as_str() == "Deployment/api").unwrap();
    let after: Vec<&str> = api.after.iter().map(|id| id.as_str()).collect();
    for id in ["Cluster/db", "Database/db"] {
        assert!(after.contains(&id), "{after:?}");
    }
}

/// The operator takes 50 characters, and makes objects beside a Cluster that have its name.
#[test]
fn its_name_is_one_that_the_operator_can_add_to() {
    let long = "a-database-with-a-name-that-is-longer-than-it-may-be";
    let cluster = |text: &str| {
        let graph = graph(text);
        let lowered = lower(&TargetId::main(), &graph, &facts(&graph)).unwrap();
        let mut ids = lowered.objects.iter().map(|o| o.id.as_str().to_owned());
        ids.find_map(|id| id.strip_prefix("Cluster/").map(str::to_owned))
            .unwrap()
    };
    let named = |name: &str| {
        program(OPERATOR, "")
            .replace(" db ", &format!(" {name} "))
            .replace("db.", &format!("{name}."))
    };
    assert_eq!(cluster(&named("db")), "db");
    let made = cluster(&named(&long.replace('-', "_")));
    assert!(made.len() <= 50, "{made}");
}

/// What has the name of one of those is refused, and the database keeps its own: under another it
/// would be an empty one.
#[test]
fn what_the_operator_makes_beside_a_database_is_nobody_elses() {
    let beside = |declared: &str| shown(&format!("{}{declared}\n", program(OPERATOR, "")));
    let mut refused = String::new();
    for declared in [
        "service db_rw { run = image(\"x:1\") }",
        "secret db_ca",
        "volume db_1 { size = 1GiB }",
        "volume v { size = 1GiB, name = \"db-12\" }",
        "raw_object o { object = kubernetes.object(\"v1/ServiceAccount\", { metadata = { name = \"db\" } }) }",
        "raw_object o { object = kubernetes.object(\"rbac.authorization.k8s.io/v1/Role\", { metadata = { name = \"db\" } }) }",
    ] {
        let shown = beside(declared);
        assert!(shown.starts_with("refused "), "{declared}\n{shown}");
        refused += &shown;
    }
    insta::assert_snapshot!(refused);
    // Of another kind, or none of its numbers.
    for declared in [
        "secret db_rw",
        "service db_app { run = image(\"x:1\") }",
        "service db_1 { run = image(\"x:1\") }",
        "volume db_01 { size = 1GiB }",
        "volume db_1_x { size = 1GiB }",
        "raw_object o { object = kubernetes.object(\"serving.knative.dev/v1/Service\", { metadata = { name = \"db-rw\" } }) }",
        "worker db_r { run = image(\"x:1\") }",
    ] {
        let shown = beside(declared);
        assert!(shown.contains("# Cluster/db ("), "{declared}\n{shown}");
    }
}

#[test]
fn without_the_operator_there_is_one_server() {
    let one = shown(&program("", "replicas = 3"));
    assert!(one.contains("without failover"), "{one}");
    let many = shown(&program(OPERATOR, "replicas = 3"));
    assert!(!many.contains("without failover"), "{many}");
}

/// By this a plan knows that one takes the place of the other, and says what becomes of the rows.
#[test]
fn the_rows_are_called_the_same_with_the_operator_and_without() {
    let rows = |target: &str| -> Vec<String> {
        let graph = graph(&program(target, ""));
        let lowered = lower(&TargetId::main(), &graph, &facts(&graph)).unwrap();
        let held = lowered.objects.into_iter().filter_map(|o| o.holds_data);
        held.map(|held| held.what).collect()
    };
    assert_eq!(rows(""), ["the database db and all its rows"]);
    assert_eq!(rows(""), rows(OPERATOR));
}

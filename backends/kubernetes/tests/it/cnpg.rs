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
    let beside = format!("{}service db_rw {{ run = image(\"x:1\") }}\n", named("db"));
    assert_ne!(cluster(&beside), "db");
}

#[test]
fn without_the_operator_there_is_one_server() {
    let one = shown(&program("", "replicas = 3"));
    assert!(one.contains("without failover"), "{one}");
    let many = shown(&program(OPERATOR, "replicas = 3"));
    assert!(!many.contains("without failover"), "{many}");
}

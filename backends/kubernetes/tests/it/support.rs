//! What this target does not keep is told: at its field, and as `stdlib/targets/kubernetes.plat`
//! says.

use crate::program::shown;

/// A program with one declaration.
fn with(declared: &str) -> String {
    format!(
        "app x\n{declared}\nenv prod {{ target = kubernetes {{ context = \"c\", registry = \"r\" }} }}\n"
    )
}

#[test]
fn what_is_not_built_is_refused_at_its_field() {
    let mut text = String::new();
    for declared in [
        "service a { run = dockerfile(\"./app\") }",
        "bucket b { versions = true, public = true }",
        "bucket b {}\nroute r { host = \"h\", paths = { \"/\" = b } }",
        "job j { run = image(\"x:1\"), runs = always }",
        "service a { run = image(\"x:1\"), needs = [hsm] }",
        "service a { run = image(\"x:1\"), ports = { game = udp(7777) }, ready = tcp(port: \"game\") }",
        "secret s\nservice a { run = image(\"x:1\"), env = { X = base64(s) } }",
        "service a { run = image(\"x:1\") }\nroute r { host = \"h\", paths = { \"/old\" = redirect(\"/new\"), \"/api\" = to(a, strip: true) } }",
    ] {
        text += &format!("{declared}\n{}\n", shown(&with(declared)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_can_not_be_said_in_its_own_words_is_refused() {
    let mut text = String::new();
    let patch = |what: &str| format!("service a {{ run = image(\"x:1\"), raw = [{what}] }}");
    let object = |what: &str| format!("raw_object o {{ object = {what} }}");
    for declared in [
        patch("kubernetes.patch(\"StatefulSet\", {})"),
        patch("kubernetes.patch(\"apps/v2/Deployment\", {})"),
        patch("kubernetes.patch(\"Deployment\", { metadata = { name = \"b\" } })"),
        patch(
            "kubernetes.patch(\"Deployment\", { metadata = { labels = { \"plat/app\" = \"b\" } } })",
        ),
        patch("kubernetes.patch(\"v1/Thing\", { size = 1GiB })"),
        patch("kubernetes.object(\"Service\", {})"),
        object("kubernetes.patch(\"Service\", {})"),
        object("kubernetes.object(\"v1/Secret\", { data = { key = \"eA==\" } })"),
        object("kubernetes.object(\"ConfigMap\", { metadata = { namespace = \"other\" } })"),
        format!(
            "service a {{ run = image(\"x:1\") }}\n{}",
            object("kubernetes.object(\"Service\", { metadata = { name = \"a\" } })")
        ),
        // Whichever comes first by its name.
        format!(
            "service z {{ run = image(\"x:1\") }}\n{}",
            object(
                "kubernetes.object(\"NetworkPolicy\", { metadata = { name = \"default-deny\" } })"
            )
        ),
    ] {
        text += &format!("{declared}\n{}\n", shown(&with(&declared)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_image_of_a_directory_needs_a_base_and_a_registry() {
    let program = "app x\nservice a { run = process([\"x\"], dir: \"./app\") }\nenv prod { target = kubernetes { context = \"c\" } }\n";
    let graph = crate::program::graph(program);
    let facts = plat_kubernetes::facts::Facts::default();
    let refused = plat_kubernetes::lower::lower(&plat_model::TargetId::main(), &graph, &facts);
    let refused: Vec<String> = refused
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn an_image_of_a_directory_is_for_one_architecture() {
    let with_need = |need: &str| {
        shown(&with(&format!(
            "service a {{ run = process([\"x\"], dir: \"./app\", base: \"b:1\"), needs = [architecture(name: \"{need}\")] }}"
        )))
    };
    let refused = with_need("arm64");
    assert!(
        refused.contains("images made of directories are for amd64, and this asks for arm64"),
        "{refused}"
    );
    let taken = with_need("amd64");
    assert!(taken.contains("kubernetes.io/arch: amd64"), "{taken}");
}

#[test]
fn what_images_are_made_and_what_runs_for_them_is_told() {
    let graph = crate::program::graph(&with(
        "service a { run = process([\"x\"], dir: \"./app\", base: \"b:1\", prepare: [\"make\", \"all\"]) }\nservice b { run = process([\"y\"], dir: \"./app\", base: \"b:1\") }",
    ));
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("app")).unwrap();
    let target = plat_model::TargetId::main();
    let facts =
        plat_kubernetes::facts::gather(root.path(), &target, &graph, Some(b"a program")).unwrap();
    let lowered = plat_kubernetes::lower::lower(&target, &graph, &facts).unwrap();
    let notes: Vec<String> = lowered
        .notes
        .iter()
        .map(|note| {
            let of = note.node.as_ref().map(ToString::to_string);
            format!("{}: {}", of.unwrap_or_default(), note.message)
        })
        .collect();
    insta::assert_snapshot!(notes.join("\n"));
}

/// Entry by entry: each is a note or a refusal here, so that the compiler's data and this code
/// can't tell different stories.
#[test]
fn the_data_of_the_compiler_is_kept_to() {
    let text = include_str!("../../../../stdlib/targets/kubernetes.plat");
    let entry = |line: &str| -> Option<(String, String)> {
        let (how, rest) = line.trim().split_once("(\"")?;
        let (what, _) = rest.split_once('"')?;
        ["weakens", "lacks"]
            .contains(&how)
            .then(|| (how.to_owned(), what.to_owned()))
    };
    let run = "run = image(\"x:1\")";
    let mut seen = 0;
    for (how, what) in text.lines().filter_map(entry) {
        seen += 1;
        let declared = match what.as_str() {
            "service.rollout.canary" => format!("service x {{ {run}, rollout = canary() }}"),
            "service.rollout.blue_green" => {
                format!("service x {{ {run}, rollout = blue_green() }}")
            }
            "worker.rollout.canary" => format!("worker x {{ {run}, rollout = canary() }}"),
            "worker.rollout.blue_green" => format!("worker x {{ {run}, rollout = blue_green() }}"),
            "postgres.replicas" => "postgres x { replicas = 3 }".into(),
            "program.run.dockerfile" => "worker x { run = dockerfile(\"./app\") }".into(),
            "program.run.wasm" => "worker x { run = wasm(\"./app/main.py\") }".into(),
            "job.runs.always" => format!("job x {{ {run}, runs = always }}"),
            "function" => format!("function x {{ {run} }}"),
            "bucket.versions" => "bucket x { versions = true }".into(),
            "bucket.public" => "bucket x { public = true }".into(),
            kind @ ("mysql" | "topic" | "smtp" | "network") => format!("{kind} x {{}}"),
            "postgres.roles" => "postgres x { roles = { r = login() } }".into(),
            "postgres.replica_of" => "postgres y {}\npostgres x { replica_of = y }".into(),
            "queue.protocol.sqs" => "queue x { protocol = sqs }".into(),
            "queue.protocol.kafka" => "queue x { protocol = kafka() }".into(),
            "route.listen.tcp" => "route x { listen = tcp(25) }".into(),
            "route.listen.udp" => "route x { listen = udp(53) }".into(),
            "route.tls.files" => {
                "secret a\nsecret b\nroute x { host = \"h\", tls = files(a, b) }".into()
            }
            "secret.generate.jwt" => "secret k\nsecret x { generate = jwt(k) }".into(),
            "secret.generate.key" => "secret x { generate = key(ed25519) }".into(),
            "secret.generate.output" => "secret x { generate = output(image(\"x:1\")) }".into(),
            other => panic!("{how} `{other}`: this test does not know it"),
        };
        let shown = shown(&with(&declared));
        let told = if how == "weakens" {
            "# note x."
        } else {
            "refused "
        };
        assert!(shown.contains(told), "{how} `{what}`:\n{shown}");
    }
    assert!(seen > 20, "the file has another form now");
}

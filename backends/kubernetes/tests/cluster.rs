//! The state on a real API server: what a store promises, at sizes that no single Secret holds.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

use std::path::PathBuf;
use std::sync::Arc;

use plat_engine::{Expect, Scope, Store, StoreError};
use plat_kubernetes::cluster::{Cluster, StateStore};
use plat_tests::cluster;
use serde_json::json;

const STATE: &str = "state.json";
const JOURNAL: &str = "journal";

/// Two stores of one scope, as two machines have them.
fn two(namespace: &str, local: &tempfile::TempDir) -> (StateStore, StateStore) {
    let config: PathBuf = cluster().kubeconfig();
    // SAFETY: each test gives it the same value, and nothing reads another one meanwhile.
    unsafe { std::env::set_var("KUBECONFIG", config) };
    let scope = Scope {
        app: "fleet".into(),
        environment: "prod".into(),
    };
    let one = || {
        let cluster = Arc::new(Cluster::new("test", namespace));
        StateStore::new(cluster, scope.clone(), local.path().to_owned())
    };
    (one(), one())
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

fn secrets(namespace: &str) -> usize {
    let all = cluster().json(&["-n", namespace, "get", "secrets"]);
    all["items"].as_array().unwrap().len()
}

/// What 10,000 objects take in the state.
fn many(word: &str) -> Vec<u8> {
    let mut text = String::new();
    for number in 0..10_000 {
        let object = json!({
            "id": format!("Deployment/service-{number}"),
            "digest": plat_model::Digest::of(format!("{word}{number}").as_bytes()).as_str(),
            "spec": { "containers": [{
                "name": "main",
                "image": format!("registry.example.com/{word}/service-{number}:1.4.2"),
                "env": (0..10).map(|n| json!({ "name": format!("V{n}"), "value": word })).collect::<Vec<_>>(),
            }]},
        });
        text.push_str(&object.to_string());
        text.push('\n');
    }
    text.into_bytes()
}

#[test]
fn the_state_of_ten_thousand_objects_fits_and_is_written_over_at_once() {
    let local = tempfile::tempdir().unwrap();
    let (mine, theirs) = two("large", &local);
    run(async {
        assert_eq!(mine.read(STATE).await.unwrap(), None);
        let first = many("first");
        assert!(first.len() > 5_000_000, "{}", first.len());
        mine.write(STATE, &first, &Expect::Absent).await.unwrap();
        let seen = theirs.read(STATE).await.unwrap().unwrap();
        assert!(seen.bytes == first, "it is the same");

        // Of two who saw the same, one wins, and the other changes nothing.
        let second = many("second");
        let expect = Expect::Tag(seen.tag());
        theirs.write(STATE, &second, &expect).await.unwrap();
        let refused = mine.write(STATE, &many("third"), &expect).await;
        assert!(
            matches!(refused, Err(StoreError::Moved { .. })),
            "{refused:?}"
        );
        assert!(mine.read(STATE).await.unwrap().unwrap().bytes == second);

        // What was written over, and what was refused, left nothing.
        let least = secrets("large");
        let expect = Expect::Tag(mine.read(STATE).await.unwrap().unwrap().tag());
        mine.write(STATE, &first, &expect).await.unwrap();
        assert_eq!(secrets("large"), least);
        mine.write(STATE, b"small", &Expect::Anything)
            .await
            .unwrap();
        assert_eq!(secrets("large"), 1);
        mine.remove(STATE).await.unwrap();
        assert_eq!(secrets("large"), 0);
        assert_eq!(theirs.read(STATE).await.unwrap(), None);
    });
}

#[test]
fn the_journal_is_added_to_at_its_end_and_nowhere_else() {
    let local = tempfile::tempdir().unwrap();
    let (mine, theirs) = two("journal", &local);
    run(async {
        let mut whole = Vec::new();
        for number in 0..60_u32 {
            // Text that compresses badly, so that pieces are made.
            let mut record: String = (0..200)
                .map(|n| plat_model::Digest::of(format!("{number} {n}").as_bytes()).to_string())
                .collect();
            record.push('\n');
            let at = whole.len() as u64;
            let last = whole.rsplit(|b| *b == b'\n').nth(1).map(<[u8]>::to_vec);
            let last = last.map_or(Vec::new(), |line| [line, vec![b'\n']].concat());
            mine.append(JOURNAL, at, &last, record.as_bytes())
                .await
                .unwrap();
            whole.extend(record.as_bytes());
        }
        assert!(theirs.read(JOURNAL).await.unwrap().unwrap().bytes == whole);
        assert!(secrets("journal") > 2, "it was cut");

        // Who lost his place is told, whatever he knew before.
        let at = whole.len() as u64;
        let wrong = theirs.append(JOURNAL, at, b"another end\n", b"theirs\n");
        let wrong = wrong.await;
        assert!(matches!(wrong, Err(StoreError::Moved { .. })), "{wrong:?}");
        theirs
            .append(JOURNAL, at, b"\n", b"theirs\n")
            .await
            .unwrap();
        let late = mine.append(JOURNAL, at, b"\n", b"mine\n").await;
        assert!(matches!(late, Err(StoreError::Moved { .. })), "{late:?}");
        whole.extend(b"theirs\n");
        let read = mine.read(JOURNAL).await.unwrap().unwrap();
        assert!(read.bytes == whole);

        // And it begins anew.
        mine.write(JOURNAL, b"", &Expect::Tag(read.tag()))
            .await
            .unwrap();
        mine.append(JOURNAL, 0, b"", b"again\n").await.unwrap();
        assert_eq!(
            theirs.read(JOURNAL).await.unwrap().unwrap().bytes,
            b"again\n"
        );
        assert_eq!(secrets("journal"), 1);
    });
}

#[test]
fn the_lease_is_one_that_kubernetes_knows() {
    let local = tempfile::tempdir().unwrap();
    let (mine, theirs) = two("leased", &local);
    run(async {
        let lease = |fence: u64, host: &str| {
            json!({ "lease": {
                "fence": fence, "renewed": 1_700_000_000_500_u64, "ttl": 15_000,
                "holder": { "host": host, "pid": 12, "command": "platc apply prod", "since": 1_700_000_000_000_u64 },
            }})
            .to_string()
        };
        let name = "lease.json";
        let first = lease(1, "laptop");
        mine.write(name, first.as_bytes(), &Expect::Absent)
            .await
            .unwrap();
        let again = theirs
            .write(name, lease(1, "other").as_bytes(), &Expect::Absent)
            .await;
        assert!(matches!(again, Err(StoreError::Moved { .. })), "{again:?}");
        let seen = theirs.read(name).await.unwrap().unwrap();
        assert_eq!(seen.bytes, first.as_bytes());
        let live = cluster().json(&["-n", "leased", "get", "lease", "plat-fleet-prod"]);
        assert_eq!(live["spec"]["leaseTransitions"], 1);
        assert_eq!(
            live["spec"]["holderIdentity"],
            "laptop (platc apply prod, process 12)"
        );
        let expect = Expect::Tag(seen.tag());
        theirs
            .write(name, lease(2, "other").as_bytes(), &expect)
            .await
            .unwrap();
        let late = mine
            .write(name, lease(3, "laptop").as_bytes(), &expect)
            .await;
        assert!(matches!(late, Err(StoreError::Moved { .. })), "{late:?}");
    });
}

//! The engine's state in a bucket of an S3 server that is a process of its own: ours, made of the
//! library s3s. The S3 API is asked by another library, `object_store`.

use crate::support::{PATIENCE, Running, dir, free_port, internal};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path as At;
use object_store::{ClientOptions, RetryConfig};
use plat_engine::{BucketStore, Expect, Store, StoreError};
use plat_metal::objectstore::{Bucket, Key, KeyRight, Settings, converge, prepare};
use plat_metal::services::Secret;
use std::path::Path;
use std::sync::Arc;

fn settings(dir: &Path) -> Settings {
    Settings {
        name: "states".to_owned(),
        dir: dir.join("s3"),
        port: free_port(),
        program: internal("s3"),
        buckets: vec![Bucket {
            name: "state".to_owned(),
            keys: vec![Key {
                access_key: "platc".to_owned(),
                secret_key: Secret::new("platc-secret".to_owned()),
                right: KeyRight::Write,
            }],
        }],
    }
}

/// The store of one process.
fn store(settings: &Settings, bucket: &str, secret: &str) -> BucketStore {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let objects = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region("local")
        .with_endpoint(format!("http://127.0.0.1:{}", settings.port))
        .with_access_key_id("platc")
        .with_secret_access_key(secret)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_disable_tagging(true)
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        })
        // A kept connection would be to the server that was there before a restart.
        .with_client_options(
            ClientOptions::new()
                .with_allow_http(true)
                .with_pool_max_idle_per_host(0),
        )
        .build()
        .unwrap();
    BucketStore::new(
        Arc::new(objects),
        At::from_iter(["shop", "preview[1]"]),
        "s3://state/shop",
    )
}

fn is_moved(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Moved { .. }))
}

#[tokio::test]
async fn conditions_hold_between_processes() {
    let dir = dir();
    let settings = settings(dir.path());
    let _running = Running::start(&prepare(&settings).unwrap());
    converge(&settings, PATIENCE).await.unwrap();
    let open = || store(&settings, "state", "platc-secret");
    let first = open();

    assert_eq!(first.read("state.json").await.unwrap(), None);
    assert_eq!(first.read("journal").await.unwrap(), None);
    assert_eq!(first.list("releases").await.unwrap(), [""; 0]);
    first
        .write("state.json", b"0", &Expect::Absent)
        .await
        .unwrap();
    let again = first.write("state.json", b"x", &Expect::Absent).await;
    assert!(is_moved(&again), "{again:?}");

    // Of many that read the same, one writes.
    for round in 1..=10 {
        let writers = (0..8).map(|i| {
            let store = open();
            async move {
                let read = store.read("state.json").await.unwrap().unwrap();
                let bytes = format!("{round} of {i}").into_bytes();
                store
                    .write("state.json", &bytes, &Expect::Tag(read.tag()))
                    .await
                    .map(|()| bytes)
            }
        });
        // All have read before any writes: they are polled in turn.
        let ended = futures::future::join_all(writers).await;
        let won: Vec<_> = ended.iter().filter_map(|end| end.as_ref().ok()).collect();
        let now = first.read("state.json").await.unwrap().unwrap();
        assert!(!won.is_empty());
        assert!(won.contains(&&now.bytes), "the last that won is there");
    }

    // The journal: what is added, and who writes it anew.
    first.append("journal", 0, b"", b"one\n").await.unwrap();
    first.append("journal", 4, b"", b"two\n").await.unwrap();
    let slow = open();
    let read = slow.read("journal").await.unwrap().unwrap();
    assert_eq!(read.bytes, b"one\ntwo\n");
    let other = open();
    let moved = other.append("journal", 4, b"", b"out\n").await;
    assert!(is_moved(&moved), "{moved:?}");
    let read = other.read("journal").await.unwrap().unwrap();
    other
        .write("journal", b"new\n", &Expect::Tag(read.tag()))
        .await
        .unwrap();
    for late in [&first, &slow] {
        let moved = late.append("journal", 8, b"", b"late\n").await;
        assert!(is_moved(&moved), "{moved:?}");
        let moved = late
            .write("journal", b"mine\n", &Expect::Tag(read.tag()))
            .await;
        assert!(is_moved(&moved), "{moved:?}");
    }
    other.append("journal", 4, b"", b"more\n").await.unwrap();
    let read = slow.read("journal").await.unwrap().unwrap();
    assert_eq!(read.bytes, b"new\nmore\n");

    first
        .write("releases/000001.json", b"r", &Expect::Anything)
        .await
        .unwrap();
    assert_eq!(first.list("releases").await.unwrap(), ["000001.json"]);
    first.remove("releases/000001.json").await.unwrap();
    first.remove("releases/000001.json").await.unwrap();
    assert_eq!(first.list("releases").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn of_many_that_add_to_the_journal_at_once_each_place_has_one() {
    let dir = dir();
    let settings = settings(dir.path());
    let _running = Running::start(&prepare(&settings).unwrap());
    converge(&settings, PATIENCE).await.unwrap();
    let open = || store(&settings, "state", "platc-secret");
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..6_u8 {
        let store = open();
        tasks.spawn(async move {
            let mut mine = Vec::new();
            for n in 0..10_u8 {
                let line = format!("{writer} {n}\n").into_bytes();
                let at = store
                    .read("journal")
                    .await
                    .unwrap()
                    .map_or(0, |b| b.bytes.len());
                match store.append("journal", at as u64, b"", &line).await {
                    Ok(()) => mine.push(line),
                    Err(StoreError::Moved { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            mine
        });
    }
    let mut told: Vec<Vec<u8>> = tasks.join_all().await.concat();
    let read = open().read("journal").await.unwrap().unwrap();
    let mut there: Vec<Vec<u8>> = read
        .bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    told.sort();
    there.sort();
    assert_eq!(
        there, told,
        "what was told is there, once, and nothing else"
    );
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for_and_one_that_refuses_is_told() {
    let dir = dir();
    let settings = settings(dir.path());
    let launch = prepare(&settings).unwrap();
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    let open = store(&settings, "state", "platc-secret");
    open.write("state.json", b"1", &Expect::Absent)
        .await
        .unwrap();
    let tag = open.read("state.json").await.unwrap().unwrap().tag();
    let restarted = tokio::task::spawn_blocking(move || running.kill_and_restart(&launch));
    open.write("state.json", b"2", &Expect::Tag(tag))
        .await
        .unwrap();
    let _running = restarted.await.unwrap();
    assert_eq!(open.read("state.json").await.unwrap().unwrap().bytes, b"2");

    let said = |error: StoreError| {
        let StoreError::Failed {
            what,
            place,
            why,
            next,
        } = error
        else {
            panic!("{error:?}");
        };
        let why = why.split(':').next().unwrap().to_owned();
        format!("{what} {place}: {why}\n{}", next.unwrap_or_default())
    };
    let wrong = store(&settings, "state", "another-secret");
    insta::assert_snapshot!(said(wrong.read("state.json").await.unwrap_err()), @"
    reading s3://state/shop/state.json: it is refused
    give a key that may read, write, list and delete there, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    ");
    let missing = store(&settings, "nowhere", "platc-secret");
    insta::assert_snapshot!(said(missing.read("state.json").await.unwrap_err()), @"
    reading s3://state/shop/state.json: there is no such bucket
    make it, private and with versions kept, or name another in the environment's `state`
    ");
}

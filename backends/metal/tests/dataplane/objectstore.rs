//! The S3 server, with requests signed by another implementation.

use crate::support::{PATIENCE, Running, dir, free_port, internal, mode};
use plat_metal::objectstore::{Bucket, Key, KeyRight, Settings, converge, prepare};
use plat_metal::services::Secret;
use reqwest::{Client, Method, Response, StatusCode};
use rusty_s3::actions::{
    CompleteMultipartUpload, CreateMultipartUpload, DeleteObject, GetObject, ListObjectsV2,
    PutObject, S3Action, UploadPart,
};
use rusty_s3::{Bucket as At, Credentials, UrlStyle};
use std::path::Path;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn key(name: &str, right: KeyRight) -> Key {
    Key {
        access_key: name.to_owned(),
        secret_key: Secret::new(format!("{name}-secret")),
        right,
    }
}

fn settings(dir: &Path) -> Settings {
    Settings {
        name: "shop dev".to_owned(),
        dir: dir.join("s3"),
        port: free_port(),
        program: internal("s3"),
        buckets: vec![
            Bucket {
                name: "uploads".to_owned(),
                keys: vec![key("api", KeyRight::Write), key("viewer", KeyRight::Read)],
            },
            Bucket {
                name: "reports".to_owned(),
                keys: vec![key("cron", KeyRight::Write)],
            },
        ],
    }
}

struct Caller {
    http: Client,
    at: At,
    credentials: Credentials,
}

impl Caller {
    fn new(settings: &Settings, bucket: &str, access: &str, secret: &str) -> Self {
        let endpoint = format!("http://127.0.0.1:{}", settings.port)
            .parse()
            .unwrap();
        Self {
            http: http(),
            at: At::new(endpoint, UrlStyle::Path, bucket.to_owned(), "local").unwrap(),
            credentials: Credentials::new(access, secret),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: impl reqwest::IntoUrl,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        self.http
            .request(method, url)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    async fn put(&self, key: &str, text: &str) -> StatusCode {
        let url = PutObject::new(&self.at, Some(&self.credentials), key).sign(MINUTE);
        self.send(Method::PUT, url, text.to_owned()).await.status()
    }

    async fn get(&self, key: &str) -> (StatusCode, String) {
        let url = GetObject::new(&self.at, Some(&self.credentials), key).sign(MINUTE);
        let response = self.send(Method::GET, url, "").await;
        (response.status(), response.text().await.unwrap())
    }

    async fn delete(&self, key: &str) -> StatusCode {
        let url = DeleteObject::new(&self.at, Some(&self.credentials), key).sign(MINUTE);
        self.send(Method::DELETE, url, "").await.status()
    }

    async fn list(&self) -> (StatusCode, Vec<String>) {
        let url = ListObjectsV2::new(&self.at, Some(&self.credentials)).sign(MINUTE);
        let response = self.send(Method::GET, url, "").await;
        let status = response.status();
        let text = response.text().await.unwrap();
        let keys = text
            .split("<Key>")
            .skip(1)
            .map(|k| k.split("</Key>").next().unwrap().to_owned())
            .collect();
        (status, keys)
    }
}

fn http() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A kept connection would be to the server that was there before a restart.
    Client::builder().pool_max_idle_per_host(0).build().unwrap()
}

#[tokio::test]
async fn a_key_reaches_its_bucket_and_no_other() {
    let dir = dir();
    let mut settings = settings(dir.path());
    let launch = prepare(&settings).unwrap();
    assert_eq!(mode(&settings.dir.join("s3.json")), 0o600);
    assert!(!format!("{settings:?} {launch:?}").contains("api-secret"));
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    let api = Caller::new(&settings, "uploads", "api", "api-secret");
    let viewer = Caller::new(&settings, "uploads", "viewer", "viewer-secret");

    assert_eq!(api.put("receipts/1.txt", "tea").await, StatusCode::OK);
    assert_eq!(api.put("ü b/+1.txt", "ü").await, StatusCode::OK);
    assert_eq!(
        api.get("receipts/1.txt").await,
        (StatusCode::OK, "tea".to_owned())
    );
    assert_eq!(
        api.get("ü b/+1.txt").await,
        (StatusCode::OK, "ü".to_owned())
    );
    assert_eq!(
        api.list().await,
        (
            StatusCode::OK,
            vec!["receipts/1.txt".to_owned(), "ü b/+1.txt".to_owned()]
        )
    );
    assert_eq!(
        std::fs::read_to_string(settings.objects_of("uploads").join("receipts/1.txt")).unwrap(),
        "tea"
    );
    assert_eq!(api.get("none").await.0, StatusCode::NOT_FOUND);

    for conflict in ["receipts", "receipts/1.txt/more"] {
        assert_eq!(
            api.put(conflict, "x").await,
            StatusCode::BAD_REQUEST,
            "{conflict}"
        );
    }

    // The key that reads, reads.
    assert_eq!(
        viewer.get("receipts/1.txt").await,
        (StatusCode::OK, "tea".to_owned())
    );
    assert_eq!(viewer.list().await.1.len(), 2);
    assert_eq!(viewer.put("x", "x").await, StatusCode::FORBIDDEN);
    assert_eq!(viewer.delete("receipts/1.txt").await, StatusCode::FORBIDDEN);

    // Wrong key, wrong secret, no key, another bucket's key.
    let refused = [
        Caller::new(&settings, "uploads", "api", "wrong"),
        Caller::new(&settings, "uploads", "nobody", "api-secret"),
        Caller::new(&settings, "uploads", "cron", "cron-secret"),
        Caller::new(&settings, "reports", "api", "api-secret"),
    ];
    for caller in &refused {
        for status in [
            caller.put("x", "x").await,
            caller.get("receipts/1.txt").await.0,
            caller.list().await.0,
        ] {
            assert_eq!(status, StatusCode::FORBIDDEN, "{:?}", caller.credentials);
        }
    }
    let bare = format!("http://127.0.0.1:{}", settings.port);
    for (path, status) in [
        ("/uploads/receipts/1.txt", 403),
        ("/uploads", 403),
        ("/", 403),
        ("/nothing/x", 404),
        ("/-/healthz", 200),
    ] {
        assert_eq!(
            http()
                .get(format!("{bare}{path}"))
                .send()
                .await
                .unwrap()
                .status(),
            status,
            "{path}"
        );
    }

    // Out of the bucket by its name, by copying, by another bucket in the request.
    let cron = Caller::new(&settings, "reports", "cron", "cron-secret");
    assert_eq!(cron.put("secret.txt", "secret").await, StatusCode::OK);
    for key in [
        "../../../s3.json",
        "a/../../x",
        "../../reports/reports/secret.txt",
        "a//b",
    ] {
        let raw = format!("/uploads/{}", key.replace('.', "%2E").replace('/', "%2F"));
        let (status, text) = api.get(key).await;
        assert!(
            status.is_client_error() && !text.contains("secret"),
            "{key}: {status} {text}"
        );
        assert!(api.put(key, "x").await.is_client_error(), "{key}");
        assert!(
            http()
                .get(format!("{bare}{raw}"))
                .send()
                .await
                .unwrap()
                .status()
                .is_client_error()
        );
    }
    let mut copy = PutObject::new(&api.at, Some(&api.credentials), "stolen");
    copy.headers_mut()
        .insert("x-amz-copy-source", "/reports/secret.txt");
    let response = api
        .http
        .put(copy.sign(MINUTE))
        .header("x-amz-copy-source", "/reports/secret.txt")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(api.get("stolen").await.0, StatusCode::NOT_FOUND);

    // A key is taken away and another given, without a restart.
    settings.buckets[0].keys = vec![key("api2", KeyRight::Write)];
    settings.buckets.push(Bucket {
        name: "more".to_owned(),
        keys: vec![key("m", KeyRight::Write)],
    });
    let changed = prepare(&settings).unwrap();
    assert_ne!(changed.config_digest, launch.config_digest);
    running.signal("SIGHUP");
    let api2 = Caller::new(&settings, "uploads", "api2", "api2-secret");
    crate::proxy::until("the new key works", async || {
        api2.get("receipts/1.txt").await.0 == StatusCode::OK
    })
    .await;
    assert_eq!(api.get("receipts/1.txt").await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        Caller::new(&settings, "more", "m", "m-secret")
            .put("x", "x")
            .await,
        StatusCode::OK
    );

    // A configuration that can't be used leaves the old one in force.
    std::fs::write(settings.dir.join("s3.json"), "{").unwrap();
    running.signal("SIGHUP");
    crate::proxy::until("it says so", async || {
        running
            .log()
            .contains("the old configuration stays in force")
    })
    .await;
    assert_eq!(api2.get("receipts/1.txt").await.0, StatusCode::OK);

    // What it holds outlives it.
    prepare(&settings).unwrap();
    assert!(running.stop());
    let _running = Running::start(&changed);
    assert_eq!(
        api2.get("receipts/1.txt").await,
        (StatusCode::OK, "tea".to_owned())
    );
    assert_eq!(api2.delete("receipts/1.txt").await, StatusCode::NO_CONTENT);
    assert_eq!(api2.list().await.1, ["ü b/+1.txt"]);
}

#[tokio::test]
async fn a_large_object_in_parts() {
    let dir = dir();
    let settings = settings(dir.path());
    let _running = Running::start(&prepare(&settings).unwrap());
    let api = Caller::new(&settings, "uploads", "api", "api-secret");
    let url = CreateMultipartUpload::new(&api.at, Some(&api.credentials), "big").sign(MINUTE);
    let answer = api.send(Method::POST, url, "").await.text().await.unwrap();
    let upload = CreateMultipartUpload::parse_response(&answer).unwrap();
    let part = "0123456789abcdef".repeat(5 * 65_536 + 1);
    let mut tags = Vec::new();
    for number in 1..=2 {
        let url = UploadPart::new(
            &api.at,
            Some(&api.credentials),
            "big",
            number,
            upload.upload_id(),
        )
        .sign(MINUTE);
        let response = api.send(Method::PUT, url, part.clone()).await;
        assert_eq!(response.status(), StatusCode::OK);
        tags.push(response.headers()["etag"].to_str().unwrap().to_owned());
    }
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let complete = CompleteMultipartUpload::new(
        &api.at,
        Some(&api.credentials),
        "big",
        upload.upload_id(),
        tags.into_iter(),
    );
    let url = complete.sign(MINUTE);
    assert_eq!(
        api.send(Method::POST, url, complete.body()).await.status(),
        StatusCode::OK
    );
    let (status, got) = api.get("big").await;
    assert_eq!((status, got.len()), (StatusCode::OK, 2 * part.len()));
    assert!(got == part.repeat(2));
}

#[test]
fn a_name_that_s3_does_not_allow() {
    let dir = dir();
    let mut settings = settings(dir.path());
    settings.buckets[0].name = "User_Uploads".to_owned();
    let error = prepare(&settings).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "buckets of shop dev: cannot make the bucket `User_Uploads`: S3 allows 3 to 63"
        ),
        "{error}"
    );
}

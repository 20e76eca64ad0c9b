//! Images and packages of a real registry: Debian's `docker-registry`, on loopback, which wants to
//! know who asks. Where it is not installed, the test says so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{MANIFEST, Place, has};
use insta::assert_snapshot;

const APP: &str = r#"app shop

service api { run = image("REGISTRY/team/api:1") }
worker mailer { run = image("REGISTRY/team/mailer:1"), user = 1000 }

env staging { target = kubernetes { context = "there is none" } }
env prod { target = kubernetes { context = "there is none" } }
"#;
/// `plat:secret`, hashed by bcrypt, and as a header has it.
const PASSWORDS: &str = "plat:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";
const LOGIN: &str = "cGxhdDpzZWNyZXQ=";

/// A registry that ends with the test.
struct Registry {
    child: Child,
    address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    fn start(place: &Place) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        place.write("registry/passwords", PASSWORDS.as_bytes());
        let dir = place.path().join("registry");
        let config = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\nstorage: {{ filesystem: {{ rootdirectory: {0}/data }} }}\nauth: {{ htpasswd: {{ realm: test, path: {0}/passwords }} }}\nhttp: {{ addr: {address} }}\n",
            dir.display()
        );
        place.write("registry/config.yml", config.as_bytes());
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it does not answer"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// One request, as who may; the status and the headers.
    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {LOGIN}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn blob(&self, repository: &str, bytes: &[u8]) -> serde_json::Value {
        let begun = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location")
                .then(|| value.to_owned())
        };
        let at = begun
            .lines()
            .find_map(header)
            .unwrap_or_else(|| panic!("{begun}"));
        let path = at
            .strip_prefix(&format!("http://{}", self.address))
            .unwrap_or(&at);
        let digest = digest(bytes);
        let done = self.ask(
            "PUT",
            &format!("{path}&digest={digest}"),
            "application/octet-stream",
            bytes,
        );
        assert!(done.starts_with("HTTP/1.1 201"), "{done}");
        serde_json::json!({ "digest": digest, "size": bytes.len() })
    }

    /// Pushes a manifest with these layers, all of them of one type; gives its digest.
    fn push(
        &self,
        repository: &str,
        tag: &str,
        config: (&str, &[u8]),
        layers: &[(&str, &[u8])],
    ) -> String {
        let described = |(kind, bytes): &(&str, &[u8])| {
            let mut blob = self.blob(repository, bytes);
            blob["mediaType"] = (*kind).into();
            blob
        };
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "config": described(&config),
            "layers": layers.iter().map(described).collect::<Vec<_>>(),
        })
        .to_string();
        let path = format!("/v2/{repository}/manifests/{tag}");
        let done = self.ask("PUT", &path, kind, manifest.as_bytes());
        assert!(done.starts_with("HTTP/1.1 201"), "{done}");
        digest(manifest.as_bytes())
    }

    fn push_image(&self, repository: &str, tag: &str, config: &serde_json::Value) -> String {
        let config = serde_json::json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] }, "config": config });
        let config = config.to_string();
        let kind = "application/vnd.oci.image.config.v1+json";
        self.push(repository, tag, (kind, config.as_bytes()), &[])
    }
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hex: String = sha2::Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

#[test]
fn images_and_packages_of_a_registry_that_asks_who_we_are() {
    if !has("docker-registry") {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "docker-registry is not installed (Debian: apt install docker-registry)"
        );
        return;
    }
    let place = Place::new();
    let registry = Registry::start(&place);
    let image = |user: &str| serde_json::json!({ "Entrypoint": ["/api"], "Cmd": ["serve"], "User": user, "WorkingDir": "/srv" });
    let api = registry.push_image("team/api", "1", &image("1000:1000"));
    let mailer = registry.push_image("team/mailer", "1", &serde_json::json!({ "Cmd": ["mail"] }));
    let mut digests = vec![(api, "API"), (mailer, "MAILER")];
    // What is shown, without what differs each time.
    let known = |text: String, digests: &[(String, &str)]| {
        let mut text = text.replace(&registry.address, "REGISTRY");
        for (digest, name) in digests {
            text = text.replace(digest, name);
            text = text.replace(&digest[..19], name);
        }
        text
    };
    place.write("plat.toml", MANIFEST.as_bytes());
    place.write(
        "app.plat",
        APP.replace("REGISTRY", &registry.address).as_bytes(),
    );
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("DOCKER_CONFIG", place.path().join("docker"));
        place.ran(&command.output().unwrap())
    };
    let mut story = String::new();
    let tell = |ran: common::Ran, what: &str, digests: &[(String, &str)]| {
        format!("# {what}\n{}\n", known(ran.snapshot(), digests))
    };

    story += &tell(
        run(&["pin", "staging"]).fails(),
        "pin staging, not logged in",
        &digests,
    );
    let login = format!(
        "{{ \"auths\": {{ \"{}\": {{ \"auth\": \"{LOGIN}\" }} }} }}",
        registry.address
    );
    place.write("docker/config.json", login.as_bytes());
    story += &tell(run(&["pin", "staging"]).ok(), "pin staging", &digests);
    story += &tell(
        run(&["pin", "staging"]).ok(),
        "pin staging, again",
        &digests,
    );
    story += &tell(
        run(&["promote", "prod", "staging"]).fails(),
        "promote what is not there",
        &digests,
    );
    story += &tell(
        run(&["promote", "staging", "prod"]).ok(),
        "promote staging prod",
        &digests,
    );
    assert_eq!(
        place.read("pins/staging.toml"),
        place.read("pins/prod.toml")
    );
    let pins = known(place.read("pins/prod.toml"), &digests);

    // The tag is another image now: what is pinned is used all the same, and `plan` says so.
    let newer = registry.push_image("team/api", "1", &image("2000"));
    digests.push((newer, "NEWER"));
    run(&["render", "prod", "-o", "k8s"]).ok();
    let manifest = known(place.read("k8s/deployment-api.yaml"), &digests);
    assert!(
        manifest.contains("image: REGISTRY/team/api:1@API\n"),
        "{manifest}"
    );
    let planned = run(&["plan", "prod"]);
    let told: Vec<&str> = planned
        .err
        .lines()
        .filter(|line| line.contains("pins/"))
        .collect();
    story += &format!("# plan prod\n{}\n\n", known(told.join("\n"), &digests));
    story += &tell(run(&["pin", "prod"]).ok(), "pin prod", &digests);
    assert_snapshot!(format!("{story}# pins/prod.toml, as promoted\n{pins}"));

    // A package, with the same login.
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in [
        (
            "plat.toml",
            "[package]\nname = \"acme\"\nversion = \"2.3.0\"\nedition = \"2026\"\n",
        ),
        ("size.plat", "pub let size = 3\n"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    let layer = archive.into_inner().unwrap();
    let config = ("application/vnd.oci.empty.v1+json", b"{}".as_slice());
    let layers = [("application/vnd.plat.package.v1.tar", layer.as_slice())];
    registry.push("team/acme", "2.3.0", config, &layers);
    let manifest = format!(
        "{MANIFEST}\n[dependencies]\nacme = {{ oci = \"{}/team/acme:2.3.0\" }}\n",
        registry.address
    );
    place.write("plat.toml", manifest.as_bytes());
    let app = APP.replace(
        "app shop\n",
        "app shop\nuse acme.{size}\nlet copies = size\n",
    );
    place.write(
        "app.plat",
        app.replace("REGISTRY", &registry.address).as_bytes(),
    );
    run(&["fetch"]).ok();
    run(&["check"]).ok();
}

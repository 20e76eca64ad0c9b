//! A registry on loopback: the part of the OCI distribution specification that pulling needs
//! (github.com/opencontainers/distribution-spec), over what was pushed into it by the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

/// By path: the type and the bytes.
type Content = Arc<Mutex<BTreeMap<String, (String, Vec<u8>)>>>;

pub struct Registry {
    address: String,
    content: Content,
}

impl Registry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let content = Content::default();
        let served = Arc::clone(&content);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), &served);
            }
        });
        Self { address, content }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Puts an artifact of these files under a tag; gives the digest of its manifest.
    pub fn push(&self, repository: &str, tag: &str, files: &[(&str, &str)]) -> String {
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, text.as_bytes())
                .unwrap();
        }
        let layer = archive.into_inner().unwrap().finish().unwrap();
        let config = b"{}".to_vec();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.plat.package.v1",
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(&config), "size": config.len() },
            "layers": [{ "mediaType": "application/vnd.plat.package.v1.tar+gzip", "digest": digest(&layer), "size": layer.len() }],
        });
        let manifest = manifest.to_string().into_bytes();
        let named = digest(&manifest);
        let mut content = self.content.lock().unwrap();
        let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
        for blob in [layer, config] {
            let path = format!("/v2/{repository}/blobs/{}", digest(&blob));
            content.insert(path, ("application/octet-stream".to_owned(), blob));
        }
        for name in [tag, &named] {
            let path = format!("/v2/{repository}/manifests/{name}");
            content.insert(path, (kind.clone(), manifest.clone()));
        }
        named
    }

    /// From now on, blobs are others than their digests say.
    pub fn spoil(&self) {
        for (path, (_, bytes)) in self.content.lock().unwrap().iter_mut() {
            if path.contains("/blobs/") {
                bytes.push(0);
            }
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

fn answer(stream: TcpStream, content: &Content) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let found = content.lock().unwrap().get(path).cloned();
    let (status, kind, body) = match found {
        Some((kind, body)) => ("200 OK", kind, body),
        None if path == "/v2/" => ("200 OK", "application/json".to_owned(), b"{}".to_vec()),
        None => {
            let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":null}]}"#;
            (
                "404 Not Found",
                "application/json".to_owned(),
                body.to_vec(),
            )
        }
    };
    let mut stream = reader.into_inner();
    let length = body.len();
    let named = digest(&body);
    let digest_header = if path.contains("/manifests/") {
        format!("docker-content-digest: {named}\r\n")
    } else {
        String::new()
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{digest_header}connection: close\r\n\r\n"
    )?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}

//! The proxy in a process of its own, before servers that come and go.

use crate::support::{PATIENCE, Running, dir, free_port, internal, mode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use plat_metal::proxy::{self, Config, Endpoint, Limit, PathRule, Route, Service, Target, control};
use reqwest::redirect::Policy;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// One copy of a service: answers with its name and what it got.
struct Copy {
    name: String,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Copy {
    async fn start(name: &str) -> Self {
        Self::start_at(name, ([127, 0, 0, 1], 0).into()).await
    }

    async fn start_at(name: &str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (accepting, tracker, own) = (stop.clone(), tasks.clone(), name.to_owned());
        tasks.spawn(async move {
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    () = accepting.cancelled() => return,
                };
                let (own, stopping) = (own.clone(), accepting.clone());
                tracker.spawn(async move {
                    let service = service_fn(|request| echo(&own, request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades();
                    let mut connection = std::pin::pin!(connection);
                    tokio::select! {
                        _ = connection.as_mut() => return,
                        () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
                    }
                    let _ = connection.await;
                });
            }
        });
        Self {
            name: name.to_owned(),
            address,
            stop,
            tasks,
        }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            name: self.name.clone(),
            address: self.address,
            ready: true,
        }
    }

    /// As a program does on SIGTERM.
    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn echo(
    name: &str,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.headers().contains_key("upgrade") {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(upgrade.await.unwrap());
            let mut bytes = [0; 64];
            while let Ok(n @ 1..) = io.read(&mut bytes).await {
                io.write_all(&bytes[..n].to_ascii_uppercase())
                    .await
                    .unwrap();
            }
        });
        return Ok(Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .body(Full::default())
            .unwrap());
    }
    let (head, body) = request.into_parts();
    if let Some(slow) = head.headers.get("x-slow") {
        sleep(Duration::from_millis(
            slow.to_str().unwrap().parse().unwrap(),
        ))
        .await;
    }
    let body = body
        .collect()
        .await
        .map(|b| b.to_bytes().len())
        .unwrap_or(0);
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("-")
            .to_owned()
    };
    let text = format!(
        "{name} {} {} {body} for={} host={} prefix={}",
        head.method,
        head.uri,
        header("x-forwarded-for"),
        header("host"),
        header("x-forwarded-prefix")
    );
    Ok(Response::new(Full::from(text)))
}

fn rule(path: &str, to: Target) -> PathRule {
    PathRule {
        path: path.to_owned(),
        to,
        strip: false,
        timeout_ms: 5_000,
        limit: None,
    }
}

fn api() -> Target {
    Target::Service("api".to_owned())
}

struct Proxy {
    _dir: tempfile::TempDir,
    dir: PathBuf,
    config: Config,
    running: Option<Running>,
    http: reqwest::Client,
}

impl Proxy {
    fn start(paths: Vec<PathRule>, copies: &[&Copy]) -> Self {
        let temp = dir();
        let dir = temp.path().join("proxy");
        let config = Config {
            listen: vec![([127, 0, 0, 1], free_port()).into()],
            control: dir.join("control.sock"),
            routes: vec![Route {
                name: "public".to_owned(),
                hosts: vec!["shop.localhost".to_owned()],
                paths,
            }],
            services: BTreeMap::from([("api".to_owned(), endpoints(copies))]),
            hold_ms: 500,
            finish_ms: 5_000,
        };
        let launch = proxy::prepare(&dir, &internal("proxy"), &config).unwrap();
        let running = Some(Running::start(&launch));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .resolve("shop.localhost", config.listen[0])
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            _dir: temp,
            dir,
            config,
            running,
            http,
        }
    }

    fn socket(&self) -> &Path {
        &self.config.control
    }

    fn url(&self, path: &str) -> String {
        format!(
            "http://shop.localhost:{}{path}",
            self.config.listen[0].port()
        )
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(self.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn set(&mut self, copies: &[&Copy]) {
        self.config
            .services
            .insert("api".to_owned(), endpoints(copies));
        self.reload().await;
    }

    async fn reload(&self) {
        proxy::write_config(&self.dir, &self.config).unwrap();
        control::reload(self.socket()).await.unwrap();
    }

    /// A request as it stands, and all of the answer.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.config.listen[0]).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn endpoints(copies: &[&Copy]) -> Service {
    Service {
        endpoints: copies.iter().map(|copy| copy.endpoint()).collect(),
    }
}

#[tokio::test]
async fn hosts_paths_strip_redirects_and_what_is_not_there() {
    let a = Copy::start("a").await;
    let mut strip = rule("/api", api());
    strip.strip = true;
    let paths = vec![
        rule("/", api()),
        strip,
        rule(
            "/old",
            Target::Redirect {
                to: "/new".to_owned(),
                status: 308,
            },
        ),
    ];
    let mut proxy = Proxy::start(paths, &[&a]);
    assert_eq!(mode(proxy.socket()), 0o600);
    let port = proxy.config.listen[0].port();
    let host = format!("shop.localhost:{port}");
    assert_eq!(
        proxy.get("/x?q=1").await,
        (
            200,
            format!("a GET /x?q=1 0 for=127.0.0.1 host={host} prefix=-")
        )
    );
    assert_eq!(
        proxy.get("/api/x?q=1").await,
        (
            200,
            format!("a GET /x?q=1 0 for=127.0.0.1 host={host} prefix=/api")
        )
    );
    assert_eq!(
        proxy.get("/api").await.1,
        format!("a GET / 0 for=127.0.0.1 host={host} prefix=/api")
    );
    assert_eq!(
        proxy.get("/apix").await.1,
        format!("a GET /apix 0 for=127.0.0.1 host={host} prefix=-")
    );

    let response = proxy
        .http
        .get(proxy.url("/old/a?b=c"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (308, &"/new/a?b=c".parse().unwrap())
    );

    let unknown = proxy
        .raw("GET / HTTP/1.1\r\nHost: other.localhost\r\nConnection: close\r\n\r\n")
        .await;
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    assert!(
        unknown.ends_with(
            "404 Not Found\nNo route has the host `other.localhost`.\nKnown: shop.localhost\n"
        ),
        "{unknown}"
    );
    for path in ["/api/../x", "/%2e%2E/x", "/a/..%2fb"] {
        let up = proxy
            .raw(&format!(
                "GET {path} HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert!(up.starts_with("HTTP/1.1 400"), "{path}: {up}");
    }
    assert!(
        proxy
            .raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
    assert!(
        proxy
            .raw("nonsense\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );

    // A body is passed on as it comes, in both ways of saying its length.
    let body = "x".repeat(3_000_000);
    let response = proxy
        .http
        .post(proxy.url("/up"))
        .body(body.clone())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(response.starts_with("a POST /up 3000000 "), "{response}");
    let chunks = futures::stream::iter(
        body.into_bytes()
            .chunks(100_000)
            .map(|c| Ok::<_, Infallible>(c.to_vec()))
            .collect::<Vec<_>>(),
    );
    let response = proxy
        .http
        .put(proxy.url("/up"))
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await
        .unwrap();
    assert!(
        response
            .text()
            .await
            .unwrap()
            .starts_with("a PUT /up 3000000 ")
    );

    // A configuration that can't be used is refused, by name, and the old one stays.
    let good = proxy.config.clone();
    proxy.config.routes[0].paths[0].to = Target::Service("web".to_owned());
    let error = proxy::write_config(&proxy.dir, &proxy.config)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "proxy: cannot write its configuration: route public, path `/`: there is no service `web`"
    );
    std::fs::write(proxy::config_path(&proxy.dir), "{}").unwrap();
    let error = control::reload(proxy.socket())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot use ") && error.contains("missing field"),
        "{error}"
    );
    assert_eq!(proxy.get("/x").await.0, 200);

    // Another port beside, then instead.
    proxy.config = good;
    let second: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let first = std::mem::replace(&mut proxy.config.listen, vec![second])[0];
    proxy.reload().await;
    assert!(
        proxy
            .raw("GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200")
    );
    until("the first port is given back", async || {
        TcpStream::connect(first).await.is_err()
    })
    .await;
    let metrics = control::metrics(proxy.socket()).await.unwrap();
    assert!(
        metrics.contains("plat_proxy_requests_total{route=\"public\",to=\"api\",status=\"200\"}"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"));
    assert!(proxy.running.take().unwrap().stop());
    assert!(!proxy.socket().exists());
}

#[tokio::test]
async fn no_request_is_lost_while_the_copies_of_a_service_are_replaced() {
    let mut copies = vec![Copy::start("0").await, Copy::start("1").await];
    let mut proxy = Proxy::start(vec![rule("/", api())], &copies.iter().collect::<Vec<_>>());
    let (answered, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let (answered, over) = (Arc::clone(&answered), Arc::clone(&over));
            let (http, url) = (proxy.http.clone(), proxy.url("/"));
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let request = match client % 4 {
                        0 => http.post(&url).body("x".repeat(100_000)),
                        1 => http.get(&url).header("x-slow", "20"),
                        2 => http.put(&url).body("small"),
                        _ => http.get(&url),
                    };
                    match request.send().await {
                        Ok(r) if r.status() == 200 => match r.bytes().await {
                            Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                            Err(e) => failed.push(format!("body: {e:?}")),
                        },
                        Ok(r) => failed.push(format!("{} {:?}", r.status(), r.text().await)),
                        Err(e) => failed.push(format!("{e:?}")),
                    }
                }
                failed
            })
        })
        .collect();
    for round in 2..22 {
        let seen = answered.load(Ordering::Relaxed);
        until("requests go on", async || {
            answered.load(Ordering::Relaxed) > seen + 100
        })
        .await;
        copies.push(Copy::start(&round.to_string()).await);
        proxy.set(&copies.iter().collect::<Vec<_>>()).await;
        let old = copies.remove(0);
        proxy.set(&copies.iter().collect::<Vec<_>>()).await;
        assert!(
            control::drained(proxy.socket(), "api", &old.name, PATIENCE)
                .await
                .unwrap()
        );
        old.stop().await;
    }
    over.store(true, Ordering::Relaxed);
    let mut failed = Vec::new();
    for client in clients {
        failed.extend(client.await.unwrap());
    }
    let answered = answered.load(Ordering::Relaxed);
    assert!(
        failed.is_empty(),
        "{} of {answered} failed: {:?}",
        failed.len(),
        failed.first()
    );
    let status = control::status(proxy.socket()).await.unwrap();
    let names: Vec<&str> = status.services["api"]
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["20", "21"], "those taken out are gone");
}

#[tokio::test]
async fn a_copy_that_dies_is_passed_over_and_what_is_safe_is_sent_again() {
    let a = Copy::start("a").await;
    // Takes connections, reads a little, and closes them without a word.
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude_address = rude.local_addr().unwrap();
    let hits = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&hits);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = rude.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 64]).await;
        }
    });
    let mut proxy = Proxy::start(vec![rule("/", api())], &[&a]);
    let dead = Endpoint {
        name: "dead".to_owned(),
        address: ([127, 0, 0, 1], free_port()).into(),
        ready: true,
    };
    let other = Endpoint {
        name: "rude".to_owned(),
        address: rude_address,
        ready: true,
    };
    let unready = Endpoint {
        name: "unready".to_owned(),
        address: rude_address,
        ready: false,
    };

    // Nobody there: every method goes elsewhere.
    proxy.config.services.insert(
        "api".to_owned(),
        Service {
            endpoints: vec![dead.clone(), a.endpoint(), unready],
        },
    );
    proxy.reload().await;
    for _ in 0..10 {
        let response = proxy
            .http
            .post(proxy.url("/"))
            .body("x".repeat(200_000))
            .send()
            .await
            .unwrap();
        assert!(
            response
                .text()
                .await
                .unwrap()
                .starts_with("a POST / 200000 ")
        );
    }
    assert_eq!(
        hits.load(Ordering::SeqCst),
        0,
        "what is not ready gets nothing"
    );

    // Closed without an answer: sent again where that is safe, an error by name where it is not.
    proxy.config.services.insert(
        "api".to_owned(),
        Service {
            endpoints: vec![other.clone(), a.endpoint()],
        },
    );
    proxy.reload().await;
    for _ in 0..10 {
        assert_eq!(proxy.get("/").await.0, 200);
        let response = proxy
            .http
            .put(proxy.url("/"))
            .body("small")
            .send()
            .await
            .unwrap();
        assert!(response.text().await.unwrap().starts_with("a PUT / 5 "));
    }
    assert!(hits.load(Ordering::SeqCst) > 0);
    proxy.config.services.insert(
        "api".to_owned(),
        Service {
            endpoints: vec![other],
        },
    );
    proxy.reload().await;
    let before = hits.load(Ordering::SeqCst);
    let response = proxy
        .http
        .post(proxy.url("/"))
        .body("pay")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 502);
    let text = response.text().await.unwrap();
    assert!(
        text.contains("The service api (rude) ended the connection before it answered"),
        "{text}"
    );
    assert_eq!(
        hits.load(Ordering::SeqCst),
        before + 1,
        "a payment is not made twice"
    );

    // Nobody at all: waits a moment, then says so.
    proxy.config.services.insert(
        "api".to_owned(),
        Service {
            endpoints: vec![dead],
        },
    );
    proxy.reload().await;
    let (status, text) = proxy.get("/").await;
    assert_eq!(status, 503);
    assert!(text.contains("The service api can't take requests now: its one ready copy does not accept connections."), "{text}");
    proxy.set(&[]).await;
    assert!(
        proxy
            .get("/")
            .await
            .1
            .contains("none of its copies is running")
    );
    let page = proxy
        .http
        .get(proxy.url("/"))
        .header("accept", "text/html,*/*")
        .send()
        .await
        .unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["retry-after"], "1");

    // Who waits is served by the copy that comes.
    proxy.config.hold_ms = 30_000;
    proxy.reload().await;
    let (http, url) = (proxy.http.clone(), proxy.url("/late"));
    let waiting = tokio::spawn(async move {
        http.post(url)
            .body("hello")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    });
    sleep(Duration::from_millis(100)).await;
    proxy.set(&[&a]).await;
    assert!(waiting.await.unwrap().starts_with("a POST /late 5 "));
}

#[tokio::test]
async fn a_service_of_one_copy_that_comes_back_is_found_at_once() {
    let a = Copy::start("a").await;
    let mut proxy = Proxy::start(vec![rule("/", api())], &[&a]);
    proxy.config.hold_ms = 30_000;
    proxy.reload().await;
    let address = a.address;
    assert_eq!(proxy.get("/").await.0, 200);
    a.stop().await;
    let requests: Vec<_> = (0..8)
        .map(|_| tokio::spawn(proxy.http.post(proxy.url("/")).body("x").send()))
        .collect();
    // Long enough for several attempts to fail.
    until("it is found to be away", async || {
        control::status(proxy.socket()).await.unwrap().services["api"][0].unreachable
    })
    .await;
    sleep(Duration::from_millis(1_500)).await;
    let _back = Copy::start_at("a", address).await;
    let came_back = Instant::now();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
    assert!(
        came_back.elapsed() < Duration::from_secs(1),
        "{:?}",
        came_back.elapsed()
    );
}

#[tokio::test]
async fn a_copy_taken_out_finishes_what_it_has_and_a_stop_waits_for_it() {
    let (a, b) = (Copy::start("a").await, Copy::start("b").await);
    let mut slow = rule("/impatient", api());
    slow.timeout_ms = 100;
    let mut proxy = Proxy::start(vec![rule("/", api()), slow], &[&a]);
    let ask = |proxy: &Proxy, path: &str, ms: &str| {
        let request = proxy.http.get(proxy.url(path)).header("x-slow", ms);
        tokio::spawn(async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    };
    let under_way = ask(&proxy, "/", "700");
    let in_flight = async || {
        control::status(proxy.socket()).await.unwrap().services["api"]
            .iter()
            .map(|c| c.in_flight)
            .sum::<usize>()
    };
    until("it is under way", async || in_flight().await == 1).await;
    proxy.set(&[&b]).await;
    assert!(proxy.get("/").await.1.starts_with("b "));
    let status = control::status(proxy.socket()).await.unwrap();
    assert!(
        !status.has_drained("api", "a") && status.has_drained("api", "none"),
        "{status:?}"
    );
    assert!(
        !control::drained(proxy.socket(), "api", "a", Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(under_way.await.unwrap().1.starts_with("a "));
    assert!(
        control::drained(proxy.socket(), "api", "a", PATIENCE)
            .await
            .unwrap()
    );

    let (status, text) = ask(&proxy, "/impatient", "1000").await.unwrap();
    assert_eq!(status, 504);
    assert!(
        text.contains("The service api (b) did not begin to answer within 100ms."),
        "{text}"
    );

    let under_way = ask(&proxy, "/", "500");
    until("it is under way", async || {
        !control::status(proxy.socket())
            .await
            .unwrap()
            .has_drained("api", "none")
            || { control::status(proxy.socket()).await.unwrap().services["api"][0].in_flight == 1 }
    })
    .await;
    let mut running = proxy.running.take().unwrap();
    running.signal("SIGTERM");
    until("it takes no new connection", async || {
        TcpStream::connect(proxy.config.listen[0]).await.is_err()
    })
    .await;
    assert!(under_way.await.unwrap().1.starts_with("b "));
    assert!(running.wait());
}

#[tokio::test]
async fn websockets_pass_and_outlive_a_reload() {
    let (a, b) = (Copy::start("a").await, Copy::start("b").await);
    let mut proxy = Proxy::start(vec![rule("/ws", api())], &[&a]);
    let mut socket = TcpStream::connect(proxy.config.listen[0]).await.unwrap();
    socket
        .write_all(b"GET /ws HTTP/1.1\r\nHost: shop.localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(
        head.starts_with("http/1.1 101")
            && head.contains("upgrade: websocket")
            && head.contains("connection: upgrade"),
        "{head}"
    );
    for text in ["hello", "again"] {
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = vec![0; text.len()];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), text.to_uppercase());
        proxy.set(&[&b]).await;
        assert!(
            !control::status(proxy.socket())
                .await
                .unwrap()
                .has_drained("api", "a")
        );
    }
    drop(socket);
    assert!(
        control::drained(proxy.socket(), "api", "a", PATIENCE)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn one_client_may_ask_so_much_and_not_more() {
    let a = Copy::start("a").await;
    let mut limited = rule("/", api());
    limited.limit = Some(Limit {
        requests: 3,
        per_ms: 60_000,
    });
    let proxy = Proxy::start(vec![limited], &[&a]);
    for _ in 0..3 {
        assert_eq!(proxy.get("/").await.0, 200);
    }
    proxy.reload().await;
    let (status, text) = proxy.get("/").await;
    assert_eq!(status, 429, "a reload is no way around it");
    assert!(
        text.contains("The route public takes 3 requests in 60s from one address; the next in "),
        "{text}"
    );
}

#[tokio::test]
async fn files_of_a_site_and_nothing_beside_it() {
    let site = dir();
    let root = site.path().join("dist");
    std::fs::create_dir_all(root.join("docs")).unwrap();
    std::fs::create_dir_all(root.join(".git")).unwrap();
    for (name, text) in [
        ("index.html", "<h1>home"),
        ("docs/index.html", "docs"),
        ("app.js", "1+1"),
        (".git/config", "hidden"),
        ("a b.txt", "space"),
        ("big.bin", "0123456789"),
    ] {
        std::fs::write(root.join(name), text).unwrap();
    }
    std::fs::write(site.path().join("secret.txt"), "secret").unwrap();
    let files = |fallback: Option<&str>| Target::Files {
        dir: root.clone(),
        fallback: fallback.map(PathBuf::from),
    };
    let proxy = Proxy::start(
        vec![
            rule("/", files(None)),
            rule("/spa", files(Some("index.html"))),
        ],
        &[],
    );
    let fetch = async |path: &str| proxy.http.get(proxy.url(path)).send().await.unwrap();

    let home = fetch("/").await;
    assert_eq!(home.headers()["content-type"], "text/html");
    let (tag, modified) = (
        home.headers()["etag"].clone(),
        home.headers()["last-modified"].clone(),
    );
    assert_eq!(home.text().await.unwrap(), "<h1>home");
    for (name, value) in [("if-none-match", &tag), ("if-modified-since", &modified)] {
        let same = proxy
            .http
            .get(proxy.url("/"))
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(
            (same.status().as_u16(), same.text().await.unwrap().len()),
            (304, 0),
            "{name}"
        );
    }
    std::fs::write(root.join("index.html"), "<h1>home again").unwrap();
    let changed = proxy
        .http
        .get(proxy.url("/"))
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(changed.text().await.unwrap(), "<h1>home again");

    assert_eq!(
        fetch("/app.js").await.headers()["content-type"],
        "text/javascript"
    );
    assert_eq!(proxy.get("/a%20b.txt").await, (200, "space".to_owned()));
    assert_eq!(proxy.get("/docs/").await, (200, "docs".to_owned()));
    assert_eq!(fetch("/docs").await.headers()["location"], "/docs/");
    assert_eq!(fetch("/spa/docs").await.headers()["location"], "/spa/docs/");
    assert_eq!(
        proxy.get("/spa/deep/inside").await,
        (200, "<h1>home again".to_owned())
    );
    let part = proxy
        .http
        .get(proxy.url("/big.bin"))
        .header("range", "bytes=2-4")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (part.status().as_u16(), part.text().await.unwrap()),
        (206, "234".to_owned())
    );
    assert_eq!(
        proxy
            .http
            .post(proxy.url("/"))
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
    assert_eq!(
        proxy
            .http
            .head(proxy.url("/"))
            .send()
            .await
            .unwrap()
            .headers()["content-length"],
        "14"
    );

    assert_eq!(proxy.get("/none").await.0, 404);
    std::fs::write(root.join("404.html"), "our own").unwrap();
    assert_eq!(proxy.get("/none").await, (404, "our own".to_owned()));
    for path in [
        "/.git/config",
        "/%2egit/config",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/docs/..%5c..%5csecret.txt",
        "//etc/passwd",
        "/%00",
    ] {
        let answer = proxy
            .raw(&format!(
                "GET {path} HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert!(
            answer.starts_with("HTTP/1.1 40")
                && !answer.contains("secret")
                && !answer.contains("hidden"),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_with_who_has_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let temp = dir();
    let config = Config {
        listen: vec![address],
        control: temp.path().join("proxy/control.sock"),
        hold_ms: 1,
        finish_ms: 1,
        ..Config::default()
    };
    let launch = proxy::prepare(&temp.path().join("proxy"), &internal("proxy"), &config).unwrap();
    let mut running = Running::spawn(&launch);
    assert!(!running.wait(), "it can't run");
    let log = running.log();
    assert!(
        log.contains(&format!("cannot listen on {address}: ")),
        "{log}"
    );
    assert!(
        log.contains(&format!("(process {}) listens there", std::process::id())),
        "{log}"
    );
    assert!(log.contains("local { port = "), "{log}");

    // A reload that wants it leaves everything as it was.
    let a = Copy::start("a").await;
    let mut proxy = Proxy::start(vec![rule("/", api())], &[&a]);
    proxy.config.listen.push(address);
    proxy::write_config(&proxy.dir, &proxy.config).unwrap();
    let error = control::reload(proxy.socket())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("listens there"), "{error}");
    assert_eq!(proxy.get("/").await.0, 200);
}

//! The agent, really running: what it keeps through kills, and how it replaces what runs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{SERVER, World, eventually, free_port, get, kill, python, route, service};
use plat_engine::{DataFate, Done, Observed, OpErrorKind, RunState};
use plat_metal::spec::{Job, Runs, Spec};
use plat_metal::text::Text;

/// See [`common::internal`].
#[tokio::test(flavor = "multi_thread")]
async fn internal() {
    common::internal().await;
}

fn done(result: Result<Done, plat_engine::OpError>) -> Done {
    result.unwrap_or_else(|e| panic!("{e:#?}"))
}

fn body(port: u16) -> String {
    let (status, body) = get(port, "shop.test", "/x").unwrap();
    assert_eq!(status, 200, "{body}");
    body
}

fn pid(body: &str) -> u32 {
    body.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_service_comes_up_answers_and_goes() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let port = free_port();
    let api = world.object("process/api", &Spec::Workload(service(&dir, "one", 2)));
    done(world.apply(&api).await);
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    assert!(body(port).starts_with("one "), "{}", body(port));

    let Observed::Present(present) = world.seen("process/api").await else {
        panic!("it is there");
    };
    assert_eq!(present.spec, api.digest());
    let status = world.status("api").await;
    assert_eq!(
        (status.ready, status.wanted, status.state),
        (2, 2, RunState::Running)
    );
    assert!(
        world
            .log_of("api")
            .await
            .iter()
            .any(|l| l.contains("listening on"))
    );

    done(world.delete("route/public", DataFate::Untouched).await);
    done(world.delete("process/api", DataFate::Untouched).await);
    assert!(matches!(world.seen("process/api").await, Observed::Absent));
    eventually("the proxy's end", || async {
        get(port, "shop.test", "/").err()
    })
    .await;
    // With nothing to keep and nobody asking it leaves by itself.
    eventually("the agent's end", || async {
        world.agent().is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn kills_are_survived() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let port = free_port();
    done(
        world
            .apply(&world.object("process/api", &Spec::Workload(service(&dir, "one", 1))))
            .await,
    );
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    let first = pid(&body(port));

    // The workload: its shim starts it again. The proxy holds requests meanwhile.
    kill(first);
    let second = pid(&body(port));
    assert_ne!(first, second);

    // The agent: the workload goes on, and the next call takes it up without a restart.
    let agent = world.agent().unwrap();
    kill(agent);
    assert_eq!(pid(&body(port)), second);
    let status = world.status("api").await;
    assert_eq!((status.ready, status.restarts), (1, 1));
    assert_ne!(world.agent().unwrap(), agent);
    assert_eq!(pid(&body(port)), second);

    // The shim: its child dies with it, the agent starts both again.
    let shim = shim_of(&world, second);
    kill(shim);
    let third = eventually("another process", || async {
        let body = get(port, "shop.test", "/x").ok()?.1;
        let now = body.split(' ').nth(1)?.parse::<u32>().ok()?;
        (now != second).then_some(now)
    })
    .await;
    assert!(!runs(second), "it died with its shim");

    // The shim while there is no agent.
    kill(world.agent().unwrap());
    kill(shim_of(&world, third));
    world.status("api").await;
    eventually("a process again", || async {
        let status = world.status("api").await;
        (status.ready == 1).then_some(())
    })
    .await;
    assert_ne!(pid(&body(port)), third);
}

fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn shim_of(world: &World, child: u32) -> u32 {
    for state in std::fs::read_dir(world.dirs.runtime.join("states")).unwrap() {
        let text = std::fs::read(state.unwrap().path()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        if json["child_pid"] == child {
            return u32::try_from(json["shim_pid"].as_u64().unwrap()).unwrap();
        }
    }
    panic!("no shim runs {child}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_over_without_a_lost_request() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let port = free_port();
    let object = |version: &str, copies| {
        world.object(
            "process/api",
            &Spec::Workload(service(&dir, version, copies)),
        )
    };
    done(world.apply(&object("one", 2)).await);
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|i| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::SeqCst) {
                    let path = if i == 0 { "/slow" } else { "/quick" };
                    let (status, body) = get(port, "shop.test", path).expect("an answer");
                    assert_eq!(status, 200, "{body}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    done(world.apply(&object("two", 2)).await);
    assert!(body(port).starts_with("two "));
    done(world.apply(&object("two", 4)).await);
    let four = pid(&body(port));
    done(world.apply(&object("two", 1)).await);
    done(world.apply(&object("three", 3)).await);
    assert!(body(port).starts_with("three "));
    assert_ne!(pid(&body(port)), four);
    stop.store(true, Ordering::SeqCst);
    let count: u32 = load
        .into_iter()
        .map(|t| t.join().expect("no request was lost"))
        .sum();
    assert!(count > 50, "{count} requests are no load");
    assert_eq!(world.status("api").await.ready, 3);
}

#[tokio::test]
async fn more_copies_leave_those_that_run_alone() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let port = free_port();
    let object =
        |copies| world.object("process/api", &Spec::Workload(service(&dir, "one", copies)));
    done(world.apply(&object(1)).await);
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    let first = pid(&body(port));
    done(world.apply(&object(3)).await);
    assert!(runs(first));
    done(world.apply(&object(1)).await);
    assert_eq!(pid(&body(port)), first);
}

#[tokio::test]
async fn what_does_not_work_leaves_the_old_one_running() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let bad = world.script("bad", "print('no such table'); raise SystemExit(3)\n");
    let port = free_port();
    done(
        world
            .apply(&world.object("process/api", &Spec::Workload(service(&dir, "one", 1))))
            .await,
    );
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    let first = pid(&body(port));

    let error = world
        .apply(&world.object("process/api", &Spec::Workload(service(&bad, "two", 1))))
        .await
        .unwrap_err();
    assert_eq!(error.kind, OpErrorKind::NotReady);
    assert!(error.why.contains("exited with code 3"), "{error:#?}");
    assert!(
        error.log.iter().any(|l| l.contains("no such table")),
        "{error:#?}"
    );
    assert_eq!(pid(&body(port)), first);

    // One that never answers its probe.
    let mute = world.script("mute", "import time\nprint('thinking')\ntime.sleep(1000)\n");
    let mut workload = service(&mute, "three", 1);
    workload.within = 1_500;
    let error = world
        .apply(&world.object("process/api", &Spec::Workload(workload)))
        .await
        .unwrap_err();
    assert!(
        error.why.contains("did not become ready in time: "),
        "{error:#?}"
    );
    assert_eq!(pid(&body(port)), first);
    assert_eq!(world.status("api").await.ready, 1);
}

#[tokio::test]
async fn a_job_runs_once_for_each_change() {
    let world = World::new();
    let dir = world.script(
        "job",
        "open('ran', 'a').write('x')\nimport os\nprint('done'); raise SystemExit(int(os.environ.get('CODE', '0')))\n",
    );
    let object = |code: &str| {
        let mut process = python(&dir);
        process.env.insert("CODE".into(), Text::Known(code.into()));
        let job = Job {
            process,
            runs: Runs::OnChange,
            timeout: Some(10_000),
            retries: 0,
        };
        world.object("job/migrate", &Spec::Job(job))
    };
    let token = world.token();
    done(world.apply_as(&object("0"), token.clone()).await);
    // The same operation again is the same run.
    done(world.apply_as(&object("0"), token).await);
    let ran = || std::fs::read_to_string(dir.join("ran")).unwrap().len();
    assert_eq!(ran(), 1);
    let error = world.apply(&object("7")).await.unwrap_err();
    assert!(error.why.contains("exited with code 7"), "{error:#?}");
    assert_eq!(ran(), 2);
    assert_eq!(world.status("migrate").await.state, RunState::Failed);
    done(world.apply(&object("0")).await);
    assert_eq!(ran(), 3);
}

/// Its shim may stop answering while the agent asks for the first time, before it has written how
/// the job ended.
#[tokio::test]
async fn a_job_that_is_over_at_once_has_run() {
    let world = World::new();
    let dir = world.script("app", "");
    for run in 0..60 {
        let mut process = python(&dir);
        process.command = vec!["true".into()];
        let env = &mut process.env;
        env.insert("RUN".into(), Text::Known(run.to_string()));
        let job = Job {
            process,
            runs: Runs::OnChange,
            timeout: Some(10_000),
            retries: 0,
        };
        let object = world.object("job/quick", &Spec::Job(job));
        done(world.apply(&object).await);
    }
}

#[tokio::test]
async fn a_stale_operation_is_refused() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let object = world.object("process/api", &Spec::Workload(service(&dir, "one", 1)));
    done(world.apply(&object).await);
    let operation = world.operation(
        plat_engine::Action::Create,
        &object,
        plat_engine::Precondition::BeAbsent,
        world.token(),
    );
    use plat_engine::Backend as _;
    let error = world
        .local
        .execute(&operation, &world.context())
        .await
        .unwrap_err();
    assert_eq!(error.kind, OpErrorKind::Conflict);
    let mut context = world.context();
    context.fence = 0;
    let error = world.local.execute(&operation, &context).await.unwrap_err();
    assert_eq!(error.kind, OpErrorKind::Conflict);
}

#[tokio::test]
async fn a_port_in_use_says_who_has_it() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    done(
        world
            .apply(&world.object("process/api", &Spec::Workload(service(&dir, "one", 1))))
            .await,
    );
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let error = world
        .apply(&world.object("route/public", &route("shop.test", "api", port)))
        .await
        .unwrap_err();
    assert!(
        error
            .why
            .contains(&format!("process {}", std::process::id())),
        "{error:#?}"
    );
    drop(held);
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    body(port);
}

#[tokio::test]
async fn what_lost_its_sockets_is_started_anew_and_not_twice() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let port = free_port();
    done(
        world
            .apply(&world.object("process/api", &Spec::Workload(service(&dir, "one", 2))))
            .await,
    );
    done(
        world
            .apply(&world.object("route/public", &route("shop.test", "api", port)))
            .await,
    );
    let first = pid(&body(port));
    // As the end of a user's session does.
    kill(world.agent().unwrap());
    std::fs::remove_dir_all(&world.dirs.runtime).unwrap();
    world.status("api").await;
    eventually("all of it again", || async {
        let answers = get(port, "shop.test", "/x").is_ok_and(|(status, _)| status == 200);
        (answers && world.status("api").await.ready == 2).then_some(())
    })
    .await;
    assert!(!runs(first));
    assert_ne!(pid(&body(port)), first);
}

#[tokio::test]
async fn two_apps_share_a_port_but_no_host() {
    let mut world = World::new();
    let dir = world.script("app", SERVER);
    let port = free_port();
    let with_alias = |node: &str, host: &str| {
        let mut spec = route(host, node, port);
        if let Spec::Route(route) = &mut spec {
            route.aliases = vec!["public.localhost".into()];
        }
        spec
    };
    done(
        world
            .apply(&world.object("process/api", &Spec::Workload(service(&dir, "one", 1))))
            .await,
    );
    done(
        world
            .apply(&world.object("route/public", &with_alias("api", "shop.test")))
            .await,
    );
    world.scope.app = "other".into();
    done(
        world
            .apply(&world.object("process/web", &Spec::Workload(service(&dir, "two", 1))))
            .await,
    );
    let error = world
        .apply(&world.object("route/public", &with_alias("web", "shop.test")))
        .await
        .unwrap_err();
    assert!(
        error.why.contains("by route/public of shop → dev"),
        "{error:#?}"
    );
    done(
        world
            .apply(&world.object("route/public", &with_alias("web", "other.test")))
            .await,
    );
    let answers = |host: &str| get(port, host, "/").unwrap().1;
    assert!(answers("shop.test").starts_with("one "));
    assert!(answers("other.test").starts_with("two "));
    // The short name stays with whom had it first, and goes on to the other when it is free.
    assert!(answers("public.localhost").starts_with("one "));
    assert_eq!(
        world.status("public").await.urls,
        [format!("http://other.test:{port}")]
    );
    world.scope.app = "shop".into();
    done(world.delete("route/public", DataFate::Untouched).await);
    eventually("the short name's move", || async {
        let (_, body) = get(port, "public.localhost", "/").ok()?;
        body.starts_with("two ").then_some(())
    })
    .await;
}

#[tokio::test]
async fn services_know_each_other_before_either_runs() {
    let world = World::new();
    let dir = world.script("app", SERVER);
    let peer = |to: &str| {
        let hole = plat_model::Hole {
            producer: to.into(),
            out: "url".into(),
            encoders: Vec::new(),
            secret: false,
            later: false,
        };
        plat_metal::text::Text::Pieces(vec![plat_model::Piece::Hole(hole)])
    };
    let object = |id: &str, to: &str| {
        let mut workload = service(&dir, id, 1);
        workload.addresses = vec!["main".into()];
        workload.process.env.insert("VERSION".into(), peer(to));
        world.object(id, &Spec::Workload(workload))
    };
    done(world.apply(&object("process/a", "b")).await);
    done(world.apply(&object("process/b", "a")).await);
    let url = |status: plat_engine::NodeStatus| status.urls[0].clone();
    let (a, b) = (url(world.status("a").await), url(world.status("b").await));
    let port = |url: &str| url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    // What `a` was told is where `b` answers, and the other way round.
    assert!(get(port(&a), "localhost", "/").unwrap().1.starts_with(&b));
    assert!(get(port(&b), "localhost", "/").unwrap().1.starts_with(&a));
    // The address stays when the copies change.
    let mut workload = service(&dir, "three", 2);
    workload.addresses = vec!["main".into()];
    done(
        world
            .apply(&world.object("process/b", &Spec::Workload(workload)))
            .await,
    );
    assert!(
        get(port(&b), "localhost", "/")
            .unwrap()
            .1
            .starts_with("three ")
    );
}

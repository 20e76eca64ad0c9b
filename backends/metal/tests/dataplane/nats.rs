//! NATS: who may send, who may receive, and that nobody else may anything.

use crate::support::{PATIENCE, Running, dir, fetched, free_port, tool};
use async_nats::jetstream::{self, consumer::PullConsumer};
use async_nats::{Client, ConnectOptions, Event};
use futures::StreamExt;
use plat_metal::services::nats::{
    Queue, QueueRight, QueueUser, Settings, backlog, converge, prepare, remove_queue,
};
use plat_metal::services::{OnChange, Secret, Signal};
use plat_metal::tools::{Found, Tool};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

fn user(name: &str, queue: &str, right: QueueRight) -> QueueUser {
    QueueUser {
        name: name.to_owned(),
        password: Secret::new(format!("{name}'s $word \"x\"")),
        queue: queue.to_owned(),
        right,
    }
}

fn queue(name: &str, retries: u32) -> Queue {
    Queue {
        name: name.to_owned(),
        retries,
        ack_wait: Duration::from_millis(300),
    }
}

fn settings(dir: &Path) -> Settings {
    Settings {
        name: "shop dev".to_owned(),
        dir: dir.join("nats"),
        port: free_port(),
        administrator_password: Secret::new("admin"),
        queues: vec![queue("emails", 2), queue("bills", 5)],
        users: vec![
            user("api-emails", "emails", QueueRight::Send),
            user("mailer-emails", "emails", QueueRight::Receive),
            user("api-bills", "bills", QueueRight::Send),
        ],
    }
}

/// A connection as any client makes it, with nothing set but the credentials, and what the server
/// complains about on it.
async fn connect(settings: &Settings, name: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
    let user = settings
        .users
        .iter()
        .find(|user| user.name == name)
        .unwrap();
    let (sender, complaints) = mpsc::unbounded_channel();
    let client = ConnectOptions::with_user_and_password(
        user.name.clone(),
        user.password.expose().to_owned(),
    )
    .event_callback(move |event| {
        let sender = sender.clone();
        async move {
            if let Event::ServerError(e) = event {
                let _ = sender.send(e.to_string());
            }
        }
    })
    .connect(format!("127.0.0.1:{}", settings.port))
    .await
    .unwrap();
    (client, complaints)
}

async fn send(client: &Client, subject: &str, text: &str) -> Result<u64, String> {
    let jetstream = jetstream::new(client.clone());
    let sent = jetstream
        .publish(subject.to_owned(), text.to_owned().into())
        .await
        .map_err(|e| e.to_string())?;
    match timeout(Duration::from_secs(2), sent).await {
        Ok(ack) => ack.map(|ack| ack.sequence).map_err(|e| e.to_string()),
        Err(_) => Err("no acknowledgement".to_owned()),
    }
}

async fn consumer(client: &Client, queue: &str) -> PullConsumer {
    let jetstream = jetstream::new(client.clone());
    jetstream
        .get_stream(queue)
        .await
        .unwrap()
        .get_consumer(queue)
        .await
        .unwrap()
}

/// Takes one message, if one comes within a second.
async fn take(consumer: &PullConsumer) -> Option<jetstream::Message> {
    let mut batch = consumer
        .fetch()
        .max_messages(1)
        .expires(Duration::from_secs(1))
        .messages()
        .await
        .unwrap();
    batch.next().await.map(Result::unwrap)
}

async fn works(tool: &Found) {
    let dir = dir();
    let settings = settings(dir.path());
    let launch = prepare(&settings, tool).unwrap();
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    converge(&settings, PATIENCE).await.unwrap();

    let (api, mut api_complaints) = connect(&settings, "api-emails").await;
    let (mailer, mut mailer_complaints) = connect(&settings, "mailer-emails").await;
    let taker = consumer(&mailer, "emails").await;
    assert_eq!(send(&api, "emails", "one").await, Ok(1));
    assert_eq!(send(&api, "emails", "two").await, Ok(2));
    assert_eq!(backlog(&settings, "emails", PATIENCE).await.unwrap(), 2);

    // Each message to one receiver, until it is acknowledged; again if it is not, twice more.
    let one = take(&taker).await.unwrap();
    assert_eq!(&one.payload[..], b"one");
    one.double_ack().await.unwrap();
    for delivery in 1..=3 {
        let two = take(&taker).await.unwrap();
        assert_eq!(&two.payload[..], b"two");
        assert_eq!(two.info().unwrap().delivered, delivery);
    }
    assert!(
        take(&taker).await.is_none(),
        "retries = 2 is three times in all"
    );

    // A sender can't look at the queue, nor at another one, nor listen to anybody.
    assert!(send(&api, "bills", "x").await.is_err());
    assert!(
        api_complaints
            .recv()
            .await
            .unwrap()
            .contains("Permissions Violation for Publish to \"bills\"")
    );
    let jetstream = jetstream::new(api.clone());
    let peek = jetstream
        .get_consumer_from_stream::<jetstream::consumer::pull::Config, _, _>("emails", "emails");
    assert!(unanswered(&timeout(Duration::from_secs(1), peek).await));
    assert!(
        api_complaints
            .recv()
            .await
            .unwrap()
            .contains("CONSUMER.INFO")
    );
    let next = api.request("$JS.API.CONSUMER.MSG.NEXT.emails.emails", "1".into());
    assert!(unanswered(&timeout(Duration::from_secs(1), next).await));
    assert!(api_complaints.recv().await.unwrap().contains("MSG.NEXT"));
    let _nothing = api.subscribe("emails").await.unwrap();
    assert!(
        api_complaints
            .recv()
            .await
            .unwrap()
            .contains("Permissions Violation for Subscription to \"emails\"")
    );

    // Inboxes are apart: what is delivered to the receiver is not seen by the sender.
    let mut ear = api.subscribe("_INBOX.>").await.unwrap();
    api.flush().await.unwrap();
    assert_eq!(send(&api, "emails", "three").await, Ok(3));
    assert_eq!(&take(&taker).await.unwrap().payload[..], b"three");
    while let Ok(Some(heard)) = timeout(Duration::from_millis(200), ear.next()).await {
        assert!(
            !heard.payload.windows(5).any(|w| w == b"three"),
            "{heard:?}"
        );
    }

    // A receiver can't send, take from elsewhere, or change the stream.
    for (subject, what) in [
        ("emails", "Publish to \"emails\""),
        ("bills", "Publish to \"bills\""),
        ("$JS.API.CONSUMER.MSG.NEXT.bills.bills", "NEXT.bills"),
        ("$JS.API.STREAM.DELETE.emails", "STREAM.DELETE"),
        ("$JS.API.STREAM.PURGE.emails", "STREAM.PURGE"),
        ("$JS.API.CONSUMER.CREATE.emails", "CONSUMER.CREATE"),
    ] {
        let answer = timeout(Duration::from_secs(1), mailer.request(subject, "".into())).await;
        assert!(unanswered(&answer), "{subject}");
        let complaint = mailer_complaints.recv().await.unwrap();
        assert!(complaint.contains(what), "{subject}: {complaint}");
    }
    let port = settings.port;
    assert!(
        async_nats::connect(format!("127.0.0.1:{port}"))
            .await
            .is_err(),
        "nobody without credentials"
    );

    // Kept over a restart; a new user without one, by a signal, without breaking connections.
    running.stop();
    let running = Running::start(&launch);
    let running = running.kill_and_restart(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    let (mailer, _c) = connect(&settings, "mailer-emails").await;
    let mut more = settings.clone();
    more.queues.push(queue("reports", 0));
    more.users
        .push(user("new-reports", "reports", QueueRight::Send));
    let changed = prepare(&more, tool).unwrap();
    assert_ne!(changed.config_digest, launch.config_digest);
    assert_eq!(changed.on_change, OnChange::Signal(Signal::Hup));
    running.signal("SIGHUP");
    converge(&more, PATIENCE).await.unwrap();
    let (sender, _c) = connect(&more, "new-reports").await;
    assert_eq!(send(&sender, "reports", "r").await, Ok(1));
    assert!(
        take(&consumer(&mailer, "emails").await)
            .await
            .is_some_and(|m| &m.payload[..] == b"three")
    );
    assert_eq!(
        mailer.connection_state(),
        async_nats::connection::State::Connected
    );

    remove_queue(&more, "reports", PATIENCE).await.unwrap();
    remove_queue(&more, "reports", PATIENCE).await.unwrap();
    assert!(backlog(&more, "reports", PATIENCE).await.is_err());
    assert!(!running.log().contains("$word"), "{}", running.log());
}

/// Whether a request failed, or nobody answered it.
fn unanswered<T, E, F>(answer: &Result<Result<T, E>, F>) -> bool {
    !matches!(answer, Ok(Ok(_)))
}

#[tokio::test]
async fn the_machines_own_holds_each_user_to_its_right() {
    works(&tool(Tool::Nats).await).await;
}

#[tokio::test]
async fn the_fetched_one_does_so_too() {
    works(&fetched(Tool::Nats).await).await;
}

#[test]
fn names_that_would_be_more_than_names_are_refused() {
    let dir = dir();
    let found = Found {
        tool: Tool::Nats,
        program: "/bin/false".into(),
        version: "2.10".to_owned(),
        origin: plat_metal::tools::Origin::Machine,
    };
    for bad in ["", "a.b", "a>", "*", "plat", "a b"] {
        let mut settings = settings(dir.path());
        settings.queues[0].name = bad.to_owned();
        let error = prepare(&settings, &found).unwrap_err().to_string();
        assert!(
            error.contains(&format!("cannot use the name `{bad}`")),
            "{error}"
        );
    }
    let mut settings = settings(dir.path());
    settings.users[0].queue = "gone".to_owned();
    let error = prepare(&settings, &found).unwrap_err().to_string();
    assert_eq!(
        error,
        "queues of shop dev: cannot let `api-emails` use the queue `gone`: there is no such queue"
    );
}

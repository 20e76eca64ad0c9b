//! The streams and their consumers.

use super::{Queue, QueueUser, Settings};
use crate::services::{Secret, ServiceError};
use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{self, ConsumerErrorKind, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long the server may take for one request once we are connected.
const REQUEST: Duration = Duration::from_secs(2);
/// How long a reload may take to show.
const AFTER_RELOAD: Duration = Duration::from_millis(200);

/// Makes the streams and consumers as they should be, and waits until every user is let in.
/// Streams that are no longer named stay, with their messages: see [`remove_queue`].
///
/// # Errors
/// The server does not let us in before `within` is over, or refuses a stream or consumer.
pub async fn converge(settings: &Settings, within: Duration) -> Result<(), ServiceError> {
    settings.check()?;
    let deadline = Instant::now() + within;
    let mut jetstream = administer(settings, deadline).await?;
    for queue in &settings.queues {
        while let Err(trouble) = set(&jetstream, queue).await {
            let why = match trouble {
                Trouble::NotYet(_) if Instant::now() < deadline => {
                    // A request that comes in the middle of a reload can be lost, and with it its
                    // connection's way to the streams.
                    reload(settings);
                    sleep(AFTER_RELOAD).await;
                    jetstream = administer(settings, deadline).await?;
                    continue;
                }
                Trouble::NotYet(why) | Trouble::Refused(why) => why,
            };
            return Err(settings.error(format!("set up the queue `{}`", queue.name), why));
        }
    }
    for user in &settings.users {
        let_in(settings, user, deadline).await?;
    }
    Ok(())
}

/// Waits until `user` reaches its queue.
///
/// After a reload it takes a moment until a new user is known. And servers up to 2.15 at least
/// connect a new account's imports only when they reload once more.
async fn let_in(
    settings: &Settings,
    user: &QueueUser,
    deadline: Instant,
) -> Result<(), ServiceError> {
    let ask = format!("$JS.API.STREAM.INFO.{}", user.queue);
    loop {
        let client = connect(settings, &user.name, &user.password, deadline).await?;
        let why = match timeout_at(deadline, client.request(ask.clone(), "".into())).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "it does not answer in time".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(settings
                .error(
                    format!("let `{}` use the queue `{}`", user.name, user.queue),
                    why,
                )
                .next("see its log"));
        }
        reload(settings);
        sleep(AFTER_RELOAD).await;
    }
}

/// Makes the server read its configuration. If it can't be told, waiting on will say so.
fn reload(settings: &Settings) {
    let told = std::fs::read_to_string(settings.pid_file()).unwrap_or_default();
    let Some(pid) = told.trim().parse().ok().and_then(Pid::from_raw) else {
        return;
    };
    // The file may be of a server long gone, and the number somebody else's.
    let command =
        std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let config = settings.config_path();
    let ours = command
        .split(|b| *b == 0)
        .any(|word| word == config.as_os_str().as_bytes());
    if ours {
        let _ = kill_process(pid, Signal::HUP);
    }
}

/// How many messages wait or are being worked on.
///
/// # Errors
/// The server can't be reached within `within`, or has no such queue.
pub async fn backlog(
    settings: &Settings,
    queue: &str,
    within: Duration,
) -> Result<u64, ServiceError> {
    let doing = || format!("read the backlog of `{queue}`");
    let jetstream = administer(settings, Instant::now() + within).await?;
    let mut consumer: jetstream::consumer::PullConsumer = jetstream
        .get_consumer_from_stream(queue, queue)
        .await
        .map_err(|e| settings.error(doing(), e))?;
    let info = consumer
        .info()
        .await
        .map_err(|e| settings.error(doing(), e))?;
    Ok(info.num_pending + info.num_ack_pending as u64)
}

/// Removes a queue and the messages in it. It is no error if there is none.
///
/// # Errors
/// The server can't be reached within `within`, or refuses.
pub async fn remove_queue(
    settings: &Settings,
    queue: &str,
    within: Duration,
) -> Result<(), ServiceError> {
    let jetstream = administer(settings, Instant::now() + within).await?;
    match jetstream.delete_stream(queue).await {
        Ok(_) => Ok(()),
        Err(e) => match e.kind() {
            jetstream::context::DeleteStreamErrorKind::JetStream(e)
                if e.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(())
            }
            _ => Err(settings.error(format!("remove the queue `{queue}`"), e)),
        },
    }
}

async fn administer(settings: &Settings, deadline: Instant) -> Result<Context, ServiceError> {
    let client = connect(
        settings,
        super::config::ADMINISTRATOR,
        &settings.administrator_password,
        deadline,
    )
    .await?;
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(REQUEST);
    Ok(jetstream)
}

/// Connects, again and again until the server lets the user in.
async fn connect(
    settings: &Settings,
    user: &str,
    password: &Secret,
    deadline: Instant,
) -> Result<async_nats::Client, ServiceError> {
    loop {
        let options =
            ConnectOptions::with_user_and_password(user.to_owned(), password.expose().to_owned())
                .name("plat")
                .request_timeout(Some(REQUEST));
        let why = match timeout_at(deadline, options.connect(settings.addr().to_string())).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "it does not answer in time".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(settings
                .error(
                    format!("connect to it at {} as `{user}`", settings.addr()),
                    why,
                )
                .next("see its log"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Why a queue could not be set up.
enum Trouble {
    /// It did not answer, as a server that is just reloading; it may yet.
    NotYet(String),
    /// Waiting changes nothing.
    Refused(String),
}

async fn set(jetstream: &Context, queue: &Queue) -> Result<(), Trouble> {
    let stream = stream::Config {
        name: queue.name.clone(),
        subjects: vec![queue.name.clone()],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        num_replicas: 1,
        ..Default::default()
    };
    let consumer = pull::Config {
        durable_name: Some(queue.name.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: queue.ack_wait,
        max_deliver: i64::from(queue.retries) + 1,
        ..Default::default()
    };
    jetstream
        .create_or_update_stream(stream)
        .await
        .map_err(|e| match e.kind() {
            CreateStreamErrorKind::JetStream(said) => answered(&said),
            _ => Trouble::NotYet(e.to_string()),
        })?;
    jetstream
        .create_consumer_on_stream(consumer, &queue.name)
        .await
        .map_err(|e| match e.kind() {
            ConsumerErrorKind::JetStream(said) => answered(&said),
            _ => Trouble::NotYet(e.to_string()),
        })?;
    Ok(())
}

fn answered(said: &jetstream::Error) -> Trouble {
    if said.code() == 503 {
        Trouble::NotYet(said.to_string())
    } else {
        Trouble::Refused(said.to_string())
    }
}

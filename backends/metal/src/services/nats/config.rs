//! The server's configuration file.

use super::{QueueRight, QueueUser, Settings};
use std::fmt::Write as _;

/// Our own user, and the account that holds the streams.
pub(super) const ADMINISTRATOR: &str = "plat";

/// Where JetStream takes requests.
const API: &str = "$JS.API.>";

/// The whole file; the same settings give the same bytes.
pub(super) fn text(settings: &Settings) -> String {
    let mut text = format!(
        "# Written anew by plat.\n\
         listen: {}\n\
         server_name: {ADMINISTRATOR}\n\
         pid_file: {}\n\
         jetstream {{ store_dir: {} }}\n\
         accounts {{\n  {ADMINISTRATOR} {{\n    jetstream: enabled\n    users: [{{ user: {ADMINISTRATOR}, password: {} }}]\n    exports: [\n",
        quoted(&settings.addr().to_string()),
        quoted(&settings.pid_file().to_string_lossy()),
        quoted(&settings.dir.join("data").to_string_lossy()),
        quoted(settings.administrator_password.expose()),
    );
    for (subject, _) in settings
        .queues
        .iter()
        .flat_map(|queue| exported(&queue.name))
    {
        let _ = writeln!(text, "      {{ service: {} }}", quoted(&subject));
    }
    // One request for messages is answered by many.
    let _ = writeln!(
        text,
        "      {{ service: {}, response_type: stream }}",
        quoted(API)
    );
    text.push_str("    ]\n  }\n");
    for user in &settings.users {
        account(&mut text, user);
    }
    text.push_str("}\n");
    text
}

fn account(text: &mut String, user: &QueueUser) {
    let list = |items: Vec<String>| items.join(", ");
    let publish = list(may_publish(user).iter().map(|s| quoted(s)).collect());
    let imports = exported(&user.queue)
        .into_iter()
        .filter_map(|(subject, right)| (right == user.right).then_some(subject))
        // All of the API: of a part, the server would answer the rest itself, before us. What may
        // be asked of it is bounded by what the user may publish.
        .chain([API.to_owned()])
        .map(|subject| {
            let subject = quoted(&subject);
            format!("{{ service: {{ account: {ADMINISTRATOR}, subject: {subject} }} }}")
        });
    let imports = list(imports.collect());
    let _ = writeln!(
        text,
        "  {} {{\n    users: [{{ user: {}, password: {}, permissions: {{ publish: [{publish}], subscribe: [\"_INBOX.>\"] }} }}]\n    imports: [{imports}]\n  }}",
        quoted(&format!("link-{}", user.name)),
        quoted(&user.name),
        quoted(user.password.expose()),
    );
}

/// The subjects of a queue that accounts of its users import beside the API: where its messages go,
/// and where they are acknowledged.
fn exported(queue: &str) -> [(String, QueueRight); 2] {
    [
        (queue.to_owned(), QueueRight::Send),
        (format!("$JS.ACK.{queue}.{queue}.>"), QueueRight::Receive),
    ]
}

/// What a user may publish to: the stream's subject to send; to receive, requests to the one
/// consumer and its acknowledgements. Both may ask how the stream is, which clients do first.
fn may_publish(user: &QueueUser) -> Vec<String> {
    let queue = &user.queue;
    let mut subjects: Vec<String> = exported(queue)
        .into_iter()
        .filter_map(|(subject, right)| (right == user.right).then_some(subject))
        .collect();
    subjects.push(format!("$JS.API.STREAM.INFO.{queue}"));
    if user.right == QueueRight::Receive {
        subjects.push(format!("$JS.API.CONSUMER.INFO.{queue}.{queue}"));
        subjects.push(format!("$JS.API.CONSUMER.MSG.NEXT.{queue}.{queue}"));
    }
    subjects
}

fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

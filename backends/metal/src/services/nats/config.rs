//! The server's configuration file.

use super::{QueueRight, QueueUser, Settings};
use std::fmt::Write as _;

/// Our own user, and the account that holds the streams.
pub(super) const ADMINISTRATOR: &str = "plat";

/// The whole file; the same settings give the same bytes.
pub(super) fn text(settings: &Settings) -> String {
    let mut text = format!(
        "# Written anew by plat.\n\
         listen: {}\n\
         server_name: {ADMINISTRATOR}\n\
         jetstream {{ store_dir: {} }}\n\
         accounts {{\n  {ADMINISTRATOR} {{\n    jetstream: enabled\n    users: [{{ user: {ADMINISTRATOR}, password: {} }}]\n    exports: [\n",
        quoted(&settings.addr().to_string()),
        quoted(&settings.dir.join("data").to_string_lossy()),
        quoted(settings.administrator_password.expose()),
    );
    for queue in &settings.queues {
        for right in [QueueRight::Send, QueueRight::Receive] {
            for subject in subjects(&queue.name, right) {
                if right == QueueRight::Receive
                    && subjects(&queue.name, QueueRight::Send).contains(&subject)
                {
                    continue;
                }
                // One request for messages is answered by many.
                let stream = if subject.contains(".MSG.NEXT.") {
                    ", response_type: stream"
                } else {
                    ""
                };
                let _ = writeln!(text, "      {{ service: {}{stream} }}", quoted(&subject));
            }
        }
    }
    text.push_str("    ]\n  }\n");
    for user in &settings.users {
        account(&mut text, user);
    }
    text.push_str("}\n");
    text
}

fn account(text: &mut String, user: &QueueUser) {
    let subjects = subjects(&user.queue, user.right);
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    let publish = list(&mut subjects.iter().map(|s| quoted(s)));
    let imports = list(&mut subjects.iter().map(|subject| {
        format!(
            "{{ service: {{ account: {ADMINISTRATOR}, subject: {} }} }}",
            quoted(subject)
        )
    }));
    let _ = writeln!(
        text,
        "  {} {{\n    users: [{{ user: {}, password: {}, permissions: {{ publish: [{publish}], subscribe: [\"_INBOX.>\"] }} }}]\n    imports: [{imports}]\n  }}",
        quoted(&format!("link-{}", user.name)),
        quoted(&user.name),
        quoted(user.password.expose()),
    );
}

/// What may be published to: the stream's subject to send; to receive, the consumer's requests and
/// its acknowledgements. Both may ask how the stream is, which clients do first.
fn subjects(queue: &str, right: QueueRight) -> Vec<String> {
    let info = format!("$JS.API.STREAM.INFO.{queue}");
    match right {
        QueueRight::Send => vec![queue.to_owned(), info],
        QueueRight::Receive => vec![
            info,
            format!("$JS.API.CONSUMER.INFO.{queue}.{queue}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{queue}.{queue}"),
            format!("$JS.ACK.{queue}.{queue}.>"),
        ],
    }
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

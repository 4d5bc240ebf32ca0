//! An exchange as a command that repeats it: curl, psql or dig.

use query::{Table, Value};

use super::columns::show;
use super::detail_keys;
use super::model::{Mode, Model};
use super::update::Command;

/// Copies it, and shows it without breaks, for terminals that have no clipboard.
pub(super) fn copy(model: &mut Model) -> Vec<Command> {
    let Some((detail, row)) = detail_keys::row(model) else {
        model.note = Some("open the row first (Enter): copied is the exchange in full".to_owned());
        return Vec::new();
    };
    let Some(text) = command(&detail.protocol, row) else {
        model.note = Some(format!("no command repeats a {} exchange", detail.protocol));
        return Vec::new();
    };
    model.mode = Mode::Copied { text: text.clone(), detail: true };
    vec![Command::Copy(text)]
}

fn command(protocol: &str, row: &Table) -> Option<String> {
    let row = Row(row);
    match protocol {
        "http" => Some(curl(&row)),
        "pgsql" => Some(psql(&row)),
        "dns" => Some(dig(&row)),
        _ => None,
    }
}

struct Row<'a>(&'a Table);

impl Row<'_> {
    fn value(&self, name: &str) -> Value {
        self.0.column(name).map_or(Value::Null, |column| self.0.value(0, column))
    }

    /// As it came, for [`shell`] to quote.
    fn text(&self, name: &str) -> Option<String> {
        match self.value(name) {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(show(&other, name)),
        }
    }

    /// Address and port of the end that answers.
    fn server(&self) -> (Option<String>, Option<String>) {
        let remote = self.text("role").as_deref() == Some("client");
        let (addr, port) = if remote { ("remote_addr", "remote_port") } else { ("local_addr", "local_port") };
        (self.text(addr), self.text(port))
    }
}

fn curl(row: &Row<'_>) -> String {
    let scheme = row
        .text("scheme")
        .unwrap_or_else(|| if row.value("tls") == Value::Bool(true) { "https" } else { "http" }.to_owned());
    let host = row.text("host").unwrap_or_else(|| match row.server() {
        (Some(addr), Some(port)) if addr.contains(':') => format!("[{addr}]:{port}"),
        (Some(addr), Some(port)) => format!("{addr}:{port}"),
        _ => "localhost".to_owned(),
    });
    let query = row.text("query").map(|query| format!("?{query}")).unwrap_or_default();
    let url = format!("{scheme}://{host}{}{query}", row.text("path").unwrap_or_default());
    let method = row.text("method").unwrap_or_else(|| "GET".to_owned());
    let mut command = match method.as_str() {
        "GET" => format!("curl {}", shell(&url)),
        "HEAD" => format!("curl -I {}", shell(&url)),
        method => format!("curl -X {} {}", shell(method), shell(&url)),
    };
    if row.text("version").as_deref() == Some("2") {
        command.push_str(if scheme == "http" { " --http2-prior-knowledge" } else { " --http2" });
    }
    if let Value::Headers(fields) = row.value("req_headers") {
        for (name, value) in fields {
            let (Some(name), Some(value)) = (name, value) else { continue };
            if name.starts_with(':') || LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            if name == "accept-encoding" {
                command.push_str(" --compressed");
                continue;
            }
            // A mask stands for what only the user knows.
            let variable = name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            let plain_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            let field = match value.contains("***(") && plain_name {
                true => format!("\"{name}: ${variable}\""),
                false => shell(&format!("{name}: {value}")),
            };
            command.push_str(&format!(" -H {field}"));
        }
    }
    if let Value::Blob(body) = row.value("req_body")
        && !body.is_empty()
    {
        command.push_str(&format!(" --data-raw {}", shell(&String::from_utf8_lossy(&body))));
    }
    command
}

fn psql(row: &Row<'_>) -> String {
    let mut command = "psql".to_owned();
    let (addr, port) = row.server();
    for (option, value) in [("-h", addr), ("-p", port), ("-U", row.text("user")), ("-d", row.text("database"))] {
        if let Some(value) = value {
            command.push_str(&format!(" {option} {}", shell(&value)));
        }
    }
    let statement = row.text("query").unwrap_or_default();
    let params = if let Value::List(params) = row.value("params") { params } else { Vec::new() };
    if params.is_empty() {
        return format!("{command} -c {}", shell(&statement));
    }
    let literal = |param: &Option<String>| {
        param.as_ref().map_or_else(|| "NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
    };
    let params: Vec<_> = params.iter().map(literal).collect();
    let (prepare, execute) = (format!("PREPARE again AS {statement}"), format!("EXECUTE again({})", params.join(", ")));
    format!("{command} -c {} -c {}", shell(&prepare), shell(&execute))
}

fn dig(row: &Row<'_>) -> String {
    let mut command = "dig".to_owned();
    if let (Some(addr), Some(port)) = row.server() {
        command.push_str(&format!(" @{} -p {port}", shell(&addr)));
    }
    if row.text("transport").as_deref() == Some("tcp") {
        command.push_str(" +tcp");
    }
    let (name, kind) = (row.text("name").unwrap_or_default(), row.text("type").unwrap_or_default());
    format!("{command} {} {kind}", shell(&name)).trim_end().to_owned()
}

/// A word for a POSIX shell; with control characters for bash, which writes them out, as a terminal must not see them.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let hidden = |c: char| super::format::safe(c.encode_utf8(&mut [0; 4])) != c.to_string();
    if !text.chars().any(hidden) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = "$'".to_owned();
    for c in text.chars() {
        match c {
            '\n' => word.push_str("\\n"),
            '\r' => word.push_str("\\r"),
            '\t' => word.push_str("\\t"),
            '\'' | '\\' => word.extend(['\\', c]),
            c if hidden(c) => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| word.push_str(&format!("\\x{b:02x}"))),
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

/// Headers that curl makes by itself, or that speak of bytes as they were on the wire.
const LEFT_OUT: [&str; 6] =
    ["host", "content-length", "connection", "content-encoding", "transfer-encoding", "proxy-connection"];

#[cfg(test)]
mod tests {
    use super::shell;

    #[test]
    fn words_reach_the_program_as_they_were_and_the_terminal_harmless() {
        for (text, wanted) in [
            ("http://shop/a?b=c", "'http://shop/a?b=c'"),
            ("GET", "GET"),
            ("", "''"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("a\x1b]0;b\x07'", r"$'a\x1b]0;b\x07\''"),
            ("two\nlines", r"$'two\nlines'"),
        ] {
            assert_eq!(shell(text), wanted);
        }
    }
}

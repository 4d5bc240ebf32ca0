//! Postgres: every command tag, every error's SQLSTATE, every login.

use std::path::Path;

use crate::facts::Facts;
use crate::rows::rows;
use crate::truth::Table;

pub(crate) fn expected(table: &Table) -> Facts {
    let mut facts = Facts::default();
    for frame in table.frames() {
        let (source, destination) = frame.ends();
        for tag in frame.all("pgsql.tag") {
            facts.add(format!("{source} -> {destination} {tag}"));
        }
        // Notices carry codes too.
        for (severity, code) in frame.pairs("pgsql.severity", "pgsql.code") {
            if ["ERROR", "FATAL", "PANIC"].contains(&severity) {
                facts.add(format!("{source} -> {destination} {severity} {code}"));
            }
        }
    }
    facts
}

pub(crate) fn found(capture: &Path) -> Facts {
    let query = "pgsql | select tag, severity, sqlstate, local_addr, local_port, remote_addr, remote_port";
    let mut facts = Facts::default();
    for row in rows(capture, query) {
        let (client, server) = row.ends();
        let (tag, severity, code) = (row.text("tag"), row.text("severity"), row.text("sqlstate"));
        if !tag.is_empty() {
            facts.add(format!("{server} -> {client} {tag}"));
        }
        if !code.is_empty() {
            facts.add(format!("{server} -> {client} {severity} {code}"));
        }
    }
    facts
}

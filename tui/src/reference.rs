//! What the program says of itself: `schema`, `completions`, `man`.

use clap::CommandFactory;
use query::schema::{self, Table};
use serde_json::json;

use crate::failure::Failure;
use crate::options::cli::Cli;
use crate::output;

/// `explore schema`.
///
/// # Errors
/// When no table is called so.
pub(crate) fn schema(name: Option<&str>, json: bool) -> Result<u8, Failure> {
    let tables: Vec<&Table> = match name {
        Some(name) => vec![schema::table(name).ok_or_else(|| unknown(name))?],
        None => schema::tables().iter().collect(),
    };
    let text = match json {
        true => tables.iter().map(|table| as_json(table)).collect(),
        false => tables.iter().map(|table| as_text(table)).collect::<Vec<_>>().join("\n"),
    };
    output::data(&text).map(|()| 0)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<_> = schema::tables().iter().map(|table| table.name).collect();
    Failure::usage(format!("no table is called `{name}`\n\ntables: {}", names.join(" ")))
}

fn as_json(table: &Table) -> String {
    let line = |column: &schema::Column| {
        let object = json!({
            "table": table.name,
            "column": column.name,
            "type": column.ty.name(),
            "unit": column.unit(),
            "meaning": column.meaning,
            "otel": column.otel,
        });
        format!("{object}\n")
    };
    table.columns.iter().map(line).collect()
}

fn as_text(table: &Table) -> String {
    let mut rows = vec![["column", "type", "unit", "meaning", "OpenTelemetry"]];
    for column in &table.columns {
        let unit = column.unit().unwrap_or("-");
        rows.push([column.name, column.ty.name(), unit, column.meaning, column.otel.unwrap_or("-")]);
    }
    let width = |index: usize| rows.iter().map(|row| row[index].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = format!("{}: {}\n", table.name, table.doc);
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(&format!("  {cell:width$}"));
        }
        text.push_str("  ");
        text.push_str(row[4]);
        text.push('\n');
    }
    text
}

/// `explore completions SHELL`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "explore", &mut script);
    output::data(&with_queries(shell, &String::from_utf8_lossy(&script))).map(|()| 0)
}

/// The script, with queries completed by this program.
fn with_queries(shell: clap_complete::Shell, script: &str) -> String {
    match shell {
        clap_complete::Shell::Bash => format!("{script}\n{BASH}"),
        clap_complete::Shell::Zsh => {
            let (first, rest) = script.split_once('\n').unwrap_or((script, ""));
            format!("{first}\n\n{ZSH}{}", rest.replace(":QUERY:_default", ":QUERY:_explore_query"))
        }
        clap_complete::Shell::Fish => format!("{script}\n{FISH}"),
        _ => script.to_owned(),
    }
}

/// Asks first whether the cursor is in a query.
const BASH: &str = r#"_explore_or_query() {
    local found listing=()
    [[ $COMP_TYPE == 63 ]] && listing=(--listing)
    if found=$("${COMP_WORDS[0]/#\~/$HOME}" __complete bash "${listing[@]}" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null); then
        compopt +o default +o bashdefault
        COMPREPLY=()
        [[ -z $found ]] || mapfile -t COMPREPLY <<<"$found"
    else
        _explore "$@"
    fi
}
complete -F _explore_or_query -o nosort -o bashdefault -o default explore
"#;

const ZSH: &str = r#"_explore_query() {
    local -a queries labels
    local query label
    while IFS=$'\t' read -r query label; do
        queries+=("$query")
        labels+=("$label")
    done < <(${~words[1]} __complete zsh -- "$QIPREFIX$PREFIX" 2>/dev/null)
    compadd -U -S '' -l -d labels -a queries
}

"#;

const FISH: &str = r#"complete -c explore -s q -l query -x -k -a '(set -l words (commandline -opc); command $words[1] __complete fish -- (commandline -ct) 2>/dev/null)'
"#;

/// `explore man`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn man() -> Result<u8, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| Failure::usage(format!("cannot make the manual page: {error}")))?;
    output::data(&String::from_utf8_lossy(&page)).map(|()| 0)
}

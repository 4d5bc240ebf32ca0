//! Contents of the messages that are read. A body may be cut short: what is there counts.

use crate::scan::Scan;

/// Text as it will be shown. Bytes that are not UTF-8 (another client encoding) become U+FFFD.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a StartupMessage says of the session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Startup {
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) application: Option<String>,
}

/// Reads the body of a StartupMessage, from its code on. Other parameters are not kept.
pub(super) fn startup(body: &[u8]) -> Startup {
    let mut scan = Scan::new(body.get(4..).unwrap_or_default());
    let mut startup = Startup::default();
    while let (Some(name), Some(value)) = (scan.text(), scan.text()) {
        if name.is_empty() {
            break;
        }
        match name {
            b"user" => startup.user = Some(text(value)),
            b"database" => startup.database = Some(text(value)),
            b"application_name" => startup.application = Some(text(value)).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
    // "Defaults to the user name."
    startup.database = startup.database.filter(|name| !name.is_empty()).or_else(|| startup.user.clone());
    startup
}

/// Fields of an ErrorResponse.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Failure {
    pub(super) severity: Option<String>,
    pub(super) sqlstate: Option<String>,
    pub(super) message: Option<String>,
}

/// Reads the body of an ErrorResponse. The severity is `V`, which is never translated (9.6 and later), else `S`.
pub(super) fn failure(body: &[u8]) -> Failure {
    let mut scan = Scan::new(body);
    let mut failure = Failure::default();
    let mut translated = None;
    while let Some(field) = scan.u8().filter(|field| *field != 0) {
        let value = scan.text_or_rest();
        match field {
            b'V' => failure.severity = Some(text(value)),
            b'S' => translated = Some(text(value)),
            b'C' => failure.sqlstate = Some(text(value)),
            b'M' => failure.message = Some(text(value)),
            _ => {}
        }
    }
    failure.severity = failure.severity.or(translated);
    failure
}

/// A Parse message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parse<'a> {
    pub(super) name: &'a [u8],
    pub(super) query: &'a [u8],
    /// The text was cut off.
    pub(super) cut: bool,
    /// Type OIDs of the first parameters; 0 leaves the choice to the server.
    pub(super) types: Vec<u32>,
}

/// Reads the body of a Parse message.
pub(super) fn parse(body: &[u8]) -> Option<Parse<'_>> {
    let mut scan = Scan::new(body);
    let name = scan.text()?;
    let (query, cut) = match scan.text() {
        Some(query) => (query, false),
        None => (scan.text_or_rest(), true),
    };
    Some(Parse { name, query, cut, types: types(scan) })
}

/// Reads a ParameterDescription, or the end of a Parse message: a count and as many OIDs.
pub(super) fn parameter_types(body: &[u8]) -> Vec<u32> {
    types(Scan::new(body))
}

fn types(mut scan: Scan<'_>) -> Vec<u32> {
    let count = scan.u16().unwrap_or(0);
    (0..count).map_while(|_| scan.u32()).collect()
}

/// A Bind message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind<'a> {
    pub(super) portal: &'a [u8],
    pub(super) statement: &'a [u8],
    pub(super) params: Vec<Param>,
    /// Not all parameters are there.
    pub(super) cut: bool,
}

/// A parameter as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Param {
    /// Binary rather than text.
    pub(super) binary: bool,
    /// Null: SQL NULL. At most [`PARAM_BYTES`].
    pub(super) value: Option<Vec<u8>>,
    /// True length.
    pub(super) size: usize,
}

/// Bytes kept of one parameter.
pub(super) const PARAM_BYTES: usize = 1024;

/// Reads the body of a Bind message.
pub(super) fn bind(body: &[u8]) -> Option<Bind<'_>> {
    let mut scan = Scan::new(body);
    let portal = scan.text()?;
    let statement = scan.text()?;
    let mut bind = Bind { portal, statement, params: Vec::new(), cut: true };
    let Some(formats) = scan.u16().and_then(|count| scan.take(usize::from(count).checked_mul(2)?)) else {
        return Some(bind);
    };
    let Some(count) = scan.u16() else { return Some(bind) };
    for index in 0..usize::from(count) {
        let Some(length) = scan.u32() else { return Some(bind) };
        // "one, in which case the specified format code is applied to all parameters"
        let format = match formats {
            [_, one] => Some(*one),
            _ => index.checked_mul(2).and_then(|at| formats.get(at..)?.get(1)).copied(),
        };
        let binary = format == Some(1);
        let size = length as usize;
        let value = if length == u32::MAX {
            None
        } else {
            let Some(value) = scan.take(size) else { return Some(bind) };
            Some(value.get(..PARAM_BYTES).unwrap_or(value).to_vec())
        };
        bind.params.push(Param { binary, value, size });
    }
    bind.cut = false;
    Some(bind)
}

/// Rows that a command tag tells: `INSERT 0 5`, `SELECT 3`, `COPY 7`.
pub(super) fn tag_rows(tag: &str) -> Option<u64> {
    let (_, last) = tag.rsplit_once(' ')?;
    last.parse().ok()
}

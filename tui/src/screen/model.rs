//! What the screens show: everything that [`super::view`] draws, and nothing else.

use std::collections::BTreeSet;

use query::{Completion, QueryError, Table};

use super::detail::Detail;
use super::editor::Editor;
use super::findings::Finding;
use super::heat::Heat;
use super::query_text::table;
use super::screens::{SCREENS, columns_of};
use super::theme::Theme;

/// The state of the screens.
#[derive(Debug)]
pub(crate) struct Model {
    pub(super) theme: Theme,
    pub(super) width: u16,
    pub(super) height: u16,
    /// Which screen is shown.
    pub(super) current: usize,
    /// One for each screen.
    pub(super) panes: Vec<Pane>,
    /// Where `Esc` leads, the last one first to go.
    pub(super) back: Vec<Step>,
    /// What keys mean at the moment.
    pub(super) mode: Mode,
    pub(super) status: Status,
    /// Rows that were there when the screen was paused; null: live.
    pub(super) paused: Option<u64>,
    /// Something to tell in the last line, until the next key.
    pub(super) note: Option<String>,
    pub(super) detail: Option<Detail>,
    pub(super) findings: Vec<Finding>,
    /// Saved queries: name and text.
    pub(super) saved: Vec<(String, String)>,
    /// Queries that were entered, the newest last.
    pub(super) history: Vec<String>,
    /// Answers to questions older than this are of no interest any more.
    pub(super) generation: u64,
    /// The picked start of a range, ns since the epoch.
    pub(super) range_start: Option<i64>,
}

/// One screen's query, answer and cursor.
#[derive(Debug)]
pub(super) struct Pane {
    /// The query that makes it.
    pub(super) query: String,
    pub(super) answer: Option<Table>,
    /// The answer to its second query.
    pub(super) beside: Option<Table>,
    pub(super) heat: Option<Heat>,
    pub(super) error: Option<QueryError>,
    /// Row under the cursor.
    pub(super) row: usize,
    /// First row on the screen.
    pub(super) offset: usize,
    /// Column under the cursor, of those shown; null: the whole row.
    pub(super) column: usize,
    /// All columns rather than the screen's own.
    pub(super) all_columns: bool,
    /// Exchanges that were there when the cursor left the newest row: until it returns, rows stay where they are.
    pub(super) held: Option<u64>,
    /// Rows marked with `x`, by `id`.
    pub(super) marked: BTreeSet<u64>,
}

impl Pane {
    fn new(query: &str) -> Self {
        Self {
            query: query.to_owned(),
            answer: None,
            beside: None,
            heat: None,
            error: None,
            row: 0,
            offset: 0,
            column: 0,
            all_columns: false,
            held: None,
            marked: BTreeSet::new(),
        }
    }

    /// The columns to show first.
    pub(super) fn preferred(&self, screen: usize) -> &'static [&'static str] {
        match SCREENS[screen].query == self.query {
            true => SCREENS[screen].columns,
            false => columns_of(&table(&self.query)),
        }
    }

    /// Rows of the answer.
    pub(super) fn height(&self) -> usize {
        self.answer.as_ref().map_or(0, Table::height)
    }
}

/// Where the user was: the screen, and every screen that was changed by leaving it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) screen: usize,
    /// Screen, query and row.
    pub(super) changed: Vec<(usize, String, usize)>,
}

/// What keys mean.
#[derive(Debug)]
pub(super) enum Mode {
    /// Looking at rows.
    Browse,
    /// Editing the query.
    Query(QueryBar),
    /// Looking at one exchange.
    Detail,
    /// Reading the keys.
    Help { scroll: usize },
    /// Choosing from a list.
    Choose(Chooser),
    /// Typing an answer.
    Prompt(Prompt),
    /// Asked whether to leave unsaved rows.
    Leaving,
}

/// The query while it is edited.
#[derive(Debug)]
pub(super) struct QueryBar {
    pub(super) editor: Editor,
    pub(super) error: Option<QueryError>,
    pub(super) completions: Vec<Completion>,
    pub(super) chosen: usize,
    /// Place in the history; its length: what is being typed.
    pub(super) recalled: usize,
}

/// A list to choose from.
#[derive(Debug)]
pub(super) struct Chooser {
    pub(super) title: &'static str,
    /// Name, explanation, and the query to go to.
    pub(super) items: Vec<(String, String, String)>,
    pub(super) chosen: usize,
}

/// A question to the user.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) question: &'static str,
    pub(super) what: Asked,
    pub(super) editor: Editor,
}

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A file to write rows to.
    File,
    /// A time to go to.
    Time,
    /// Text to look for in the detail.
    Search,
}

/// The second line, and the Health screen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Status {
    /// Exchanges so far, both ends of one counted once.
    pub(crate) exchanges: u64,
    /// Of these, failed ones.
    pub(crate) errors: u64,
    /// Exchanges a second, over the last few.
    pub(crate) rate: f64,
    /// Of these, the share that failed.
    pub(crate) error_share: f64,
    /// Rows in the store, of all tables.
    pub(crate) rows: u64,
    /// Events lost.
    pub(crate) lost: u64,
    pub(crate) evicted: u64,
    /// Bytes that the store holds, and may hold.
    pub(crate) bytes: u64,
    pub(crate) budget: u64,
    /// First and last time seen, ns since the epoch.
    pub(crate) range: Option<(u64, u64)>,
    /// Share of one CPU that explore uses.
    pub(crate) cpu: f64,
    /// Resident bytes of explore.
    pub(crate) resident: u64,
    /// Rows may follow.
    pub(crate) live: bool,
    /// `live`, `recorded` or a file's name.
    pub(crate) source: String,
    /// The coverage line.
    pub(crate) coverage: String,
    /// Something that the source had to say.
    pub(crate) trouble: Option<String>,
    /// Where COMMAND's output goes.
    pub(crate) command_output: Option<String>,
}

impl Model {
    /// Every screen with its own query, nothing seen yet.
    pub(crate) fn new(color: bool, ascii: bool, saved: Vec<(String, String)>) -> Self {
        Self {
            theme: Theme::new(color, ascii),
            width: 80,
            height: 24,
            current: 0,
            panes: SCREENS.iter().map(|screen| Pane::new(screen.query)).collect(),
            back: Vec::new(),
            mode: Mode::Browse,
            status: Status::default(),
            paused: None,
            note: None,
            detail: None,
            findings: Vec::new(),
            saved,
            history: Vec::new(),
            generation: 0,
            range_start: None,
        }
    }

    /// The screen that is shown.
    pub(super) fn pane(&self) -> &Pane {
        // There are as many panes as screens, and `current` is always one of them.
        &self.panes[self.current.min(SCREENS.len() - 1)]
    }

    /// The screen that is shown.
    pub(super) fn pane_mut(&mut self) -> &mut Pane {
        let current = self.current.min(SCREENS.len() - 1);
        &mut self.panes[current]
    }

    /// Lines of content.
    pub(super) fn content_height(&self) -> usize {
        usize::from(self.height).saturating_sub(4)
    }

    /// Rows of a table that fit.
    pub(super) fn page(&self) -> usize {
        self.content_height().saturating_sub(1).max(1)
    }
}

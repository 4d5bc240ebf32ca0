//! What the screens show: everything that [`super::view`] draws, and nothing else.

use std::collections::BTreeSet;

use query::{Completion, QueryError, Table};

use super::detail::Detail;
use super::editor::Editor;
use super::findings::Finding;
use super::heat::Heat;
use super::map::Edge;
use super::query_text::table;
use super::screens::{Part, SCREENS, columns_of};
use super::sparks::Sparks;
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
    pub(super) screens: Vec<Panes>,
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
    /// The exchanges that the detail was opened from.
    pub(super) details: Vec<Detail>,
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

/// The parts of a screen.
#[derive(Debug)]
pub(super) struct Panes {
    pub(super) parts: Vec<Pane>,
    /// The one with the cursor.
    pub(super) focus: usize,
}

/// One part of a screen: its query, answer and cursor.
#[derive(Debug)]
pub(super) struct Pane {
    /// What it is by itself.
    pub(super) part: &'static Part,
    /// The query that makes it.
    pub(super) query: String,
    pub(super) answer: Option<Table>,
    /// Counts by second of its groups.
    pub(super) sparks: Option<Sparks>,
    /// Who calls whom, for each row.
    pub(super) edges: Vec<Edge>,
    /// The widest that each column has been: columns do not jump while rows come.
    pub(super) widths: Vec<usize>,
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
    fn new(part: &'static Part) -> Self {
        Self {
            part,
            query: part.query.to_owned(),
            answer: None,
            sparks: None,
            edges: Vec::new(),
            widths: Vec::new(),
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

    /// Whether its query is still its own.
    pub(super) fn is_own(&self) -> bool {
        self.query == self.part.query
    }

    /// The columns to show first, and of these the ones that are left out first.
    pub(super) fn preferred(&self) -> (&'static [&'static str], &'static [&'static str]) {
        if self.is_own() { (self.part.columns, self.part.least) } else { (columns_of(&table(&self.query)), &[]) }
    }

    /// Makes it with another query.
    pub(super) fn ask_for(&mut self, query: String) {
        self.query = query;
        (self.answer, self.sparks, self.heat, self.error) = (None, None, None, None);
        (self.row, self.offset, self.column, self.held) = (0, 0, 0, None);
        self.edges.clear();
        self.widths.clear();
        self.marked.clear();
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
    /// Screen, part, query and row.
    pub(super) changed: Vec<(usize, usize, String, usize)>,
    /// The part that had the cursor.
    pub(super) focus: usize,
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
    /// Looking at a command that was copied, written without breaks.
    Copied { text: String, detail: bool },
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
    /// Values that were seen: the query that asked for them, and its answer.
    pub(super) seen: (String, Vec<String>),
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
    /// A file is being read.
    pub(crate) reading: bool,
    /// The source is being attached to.
    pub(crate) attaching: bool,
    /// Where COMMAND's output goes.
    pub(crate) command_output: Option<String>,
}

impl Status {
    /// No row follows any more: a file that has been read.
    pub(super) fn is_settled(&self) -> bool {
        !self.live && !self.reading && !self.attaching
    }
}

impl Model {
    /// Every screen with its own query, nothing seen yet.
    pub(crate) fn new(color: bool, ascii: bool, saved: Vec<(String, String)>) -> Self {
        Self {
            theme: Theme::new(color, ascii),
            width: 80,
            height: 24,
            current: 0,
            screens: SCREENS.iter().map(Panes::new).collect(),
            back: Vec::new(),
            mode: Mode::Browse,
            status: Status::default(),
            paused: None,
            note: None,
            detail: None,
            details: Vec::new(),
            findings: Vec::new(),
            saved,
            history: Vec::new(),
            generation: 0,
            range_start: None,
        }
    }

    /// The screen that is shown.
    pub(super) fn panes(&self) -> &Panes {
        // There are as many as screens, and `current` is always one of them.
        &self.screens[self.current.min(SCREENS.len() - 1)]
    }

    /// The screen that is shown.
    pub(super) fn panes_mut(&mut self) -> &mut Panes {
        let current = self.current.min(SCREENS.len() - 1);
        &mut self.screens[current]
    }

    /// The part with the cursor.
    pub(super) fn pane(&self) -> &Pane {
        let panes = self.panes();
        &panes.parts[panes.focus.min(panes.parts.len() - 1)]
    }

    /// The part with the cursor.
    pub(super) fn pane_mut(&mut self) -> &mut Pane {
        let panes = self.panes_mut();
        let focus = panes.focus.min(panes.parts.len() - 1);
        &mut panes.parts[focus]
    }

    /// Lines of content.
    pub(super) fn content_height(&self) -> usize {
        usize::from(self.height).saturating_sub(4)
    }

    /// Rows of the part with the cursor that fit.
    pub(super) fn page(&self) -> usize {
        let focus = self.panes().focus;
        let lines = super::parts::places(self).iter().find(|place| place.part == focus).map_or(1, |place| place.rows);
        lines.max(1)
    }
}

impl Panes {
    fn new(screen: &'static super::screens::Screen) -> Self {
        Self { parts: screen.parts.iter().map(Pane::new).collect(), focus: 0 }
    }
}

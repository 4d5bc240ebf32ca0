//! The screens: a model that messages change, and a view that draws it.
//!
//! ```text
//! keys, sizes ----.                            .-> Command -> asker (queries on a thread), files, clipboard
//! session (rows) --+-> Message -> update(Model)-+
//! asker (answers) -'                            '-> view::draw(&Model)
//! ```
//! The model knows neither terminal nor threads; the view asks nothing and changes nothing; only [`program`] does both.

mod asker;
mod browse;
mod browse_heat;
mod browse_time;
mod columns;
mod copy;
mod detail;
mod detail_keys;
mod editor;
mod findings;
mod format;
mod going;
mod heat;
mod keys;
mod map;
mod model;
mod mouse;
mod parts;
mod program;
mod query_keys;
mod query_text;
mod rehearsal;
mod screens;
mod session;
mod sparks;
mod terminal;
mod theme;
mod update;
mod values;
mod view;

pub(crate) use program::run;
pub use rehearsal::Rehearsal;
pub(crate) use session::Opener;
pub(crate) use terminal::let_go;

#[cfg(test)]
mod tests;

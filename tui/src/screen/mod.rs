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
mod columns;
mod detail;
mod editor;
mod findings;
mod format;
mod heat;
mod keys;
mod model;
mod mouse;
mod program;
mod query_text;
mod screens;
mod session;
mod terminal;
mod theme;
mod update;
mod view;

pub(crate) use program::run;

#[cfg(test)]
mod tests;

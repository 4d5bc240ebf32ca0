//! The front end of the language: text to checked plan. Nothing here may panic, whatever the text.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub(crate) mod ast;
pub(crate) mod functions;
pub(crate) mod json;
pub(crate) mod lexer;
pub(crate) mod parse;
pub(crate) mod plan;
pub(crate) mod time;

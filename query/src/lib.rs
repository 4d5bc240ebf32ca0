//! The columnar store and the query language of explore.
//!
//! ```text
//! Record -> Store: column builders -> sealed chunks -> retention; Snapshot shares the chunks
//! text -> tokens -> Ast -> Plan (names and types resolved) -> polars LazyFrame -> Table -> export
//! ```
//!
//! polars is named in this crate only, and of the language only `lower` knows it. Nothing here looks at a clock: "now"
//! comes in with the [`Context`].

#![forbid(unsafe_code)]

mod arrow;
mod complete;
pub mod diff;
mod error;
pub mod export;
mod lang;
mod lower;
mod query;
pub mod schema;
pub mod snapshot;
mod store;
mod table;
mod types;

use lang::{ast, functions, json, lexer, parse, plan, time};

pub use complete::{Completion, CompletionKind, complete};
pub use error::{QueryError, Span};
pub use functions::{FUNCTIONS, Function};
pub use query::{Context, First, Query, Running, Streaming};
pub use store::{Evicted, ProbeRow, Snapshot, Store, StoreOptions};
pub use table::{OutputColumn, Table, Value};
pub use types::Type;

#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod generate;

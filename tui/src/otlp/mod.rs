//! Traces and metrics of what is seen, for the telemetry that a company already has.
//!
//! ```text
//! engine --Record--> Tap --span, bounded queue--> traces task: join -> sample -> batch -> deliver
//!                     |                                                                     |
//!                     +--> totals (one lock) <-- metrics task, Prometheus text              v
//!                                                                                     collector
//! ```
//! Rows of snapshots come by the same way (`rows`). The tap never waits while the kernel is watched: what does not fit the queue is counted, by cause, in table `loss`.
//!
//! Requests are built from `opentelemetry-proto`, because every watched process has a resource of its own and spans have
//! times and ids of the wire, which the SDK's exporters cannot say. `opentelemetry-otlp` names the settings.

mod attributes;
mod join;
mod listen;
mod losses;
mod metrics;
mod resource;
mod rows;
mod sample;
mod send;
mod settings;
mod span;
mod summary;
mod tap;
mod worker;

pub(crate) use settings::{Asked, Settings};
pub(crate) use tap::Tap;

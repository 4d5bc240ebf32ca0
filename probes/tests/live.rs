//! Event-level tests against the running kernel: workloads whose traffic is known by construction, captured by pid.
//!
//! They need root (`cargo test -p probes --test live -- --include-ignored`); without it they are ignored, never passed.

#[path = "live/calls.rs"]
mod calls;
#[path = "live/support.rs"]
mod support;

//! Event-level tests against the running kernel: workloads whose traffic is known by construction, captured by pid.
//!
//! They need root (`cargo test -p probes --test live -- --include-ignored`); without it they are ignored, never passed.

#[path = "live/support.rs"]
mod support;

/// A test for each back end.
macro_rules! both {
    ($($(#[doc = $doc:literal])* fn $name:ident($backend:ident) $body:block)*) => {
        $(
            $(#[doc = $doc])*
            mod $name {
                use super::*;

                fn run($backend: probes::live::Backend) $body

                #[test]
                #[ignore = "needs root"]
                fn sock() {
                    run(probes::live::Backend::Sock);
                }

                #[test]
                #[ignore = "needs root"]
                fn syscall() {
                    run(probes::live::Backend::Syscall);
                }
            }
        )*
    };
}

#[path = "live/calls.rs"]
mod calls;
#[path = "live/connections.rs"]
mod connections;
#[path = "live/processes.rs"]
mod processes;

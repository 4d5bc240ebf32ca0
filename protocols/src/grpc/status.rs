//! Status codes (gRPC core, statuscodes.md).

/// The name of a status; `CODE_99` where there is none.
pub(super) fn name(status: u16) -> String {
    NAMES.get(usize::from(status)).map_or_else(|| format!("CODE_{status}"), |name| (*name).to_owned())
}

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

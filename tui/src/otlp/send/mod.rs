//! From requests to a collector: connection, transport, and what to do when it does not answer.

mod connect;
mod deliver;
mod grpc;
mod http;
mod transport;

pub(super) use deliver::{Delivered, Deliverer, Patience};
pub(super) use transport::Message;

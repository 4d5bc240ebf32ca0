//! Tests of the whole of `dns`; those of one part lie beside it.

mod build;
mod corpora;
mod properties;
mod tcp;
mod udp;
mod vectors;

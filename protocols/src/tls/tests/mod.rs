//! Tests of the whole of `tls`, over handshakes recorded from openssl (`fixtures/tls/make`); those of one part lie beside
//! it.

mod drive;
mod openssl;
mod properties;
mod small;

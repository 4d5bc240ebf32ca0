//! What the BPF programs and the user-space reader share, as plain memory: [`event`]s in the ring buffer, values in maps,
//! settings ([`settings`]), and which members of kernel structures the programs need ([`offsets`]).
//!
//! Everything is `#[repr(C)]` without implicit padding and means the same on both sides: they run on one machine.

#![no_std]
#![forbid(unsafe_code)]

pub mod event;
pub mod offsets;
pub mod settings;

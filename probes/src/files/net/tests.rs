//! Packets made here, and the events that must come of them.

mod hosts;
mod layers;
mod limits;
mod order;
mod states;

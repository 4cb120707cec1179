//! What needs real logs and stores, and more than one module.

mod messages;
mod simulation;
mod single;
mod suite;

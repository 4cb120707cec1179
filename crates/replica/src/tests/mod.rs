//! What needs real logs and stores, and more than one module.

mod simulation;
mod single;
mod suite;

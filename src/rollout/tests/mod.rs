//! The engine on a clock of the tests' own, in a world that does as it is told.

mod blue_green;
mod canary;
mod commands;
mod edits;
mod history;
mod hybrids;
mod restart;
mod rolling;
mod windows;
mod world;

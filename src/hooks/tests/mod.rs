//! Calls to servers that are there.

mod calls;
mod receiver;

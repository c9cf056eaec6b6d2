//! Calls and notices to servers that are there.

mod calls;
mod notices;
mod receiver;

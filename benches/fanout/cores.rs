//! The server has one core and the client another, so neither takes the other's time.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Does something on the server's core; what is started there stays there.
///
/// # Errors
/// There are no two cores.
pub fn on_servers<T>(what: impl FnOnce() -> T) -> rustix::io::Result<T> {
    let mine = sched_getaffinity(None)?;
    pin(SERVER)?;
    let done = what();
    sched_setaffinity(None, &mine)?;
    Ok(done)
}

/// Stays on the client's core from now on, with as many open files as are allowed.
///
/// # Errors
/// There are no two cores.
pub fn take_clients() -> rustix::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    pin(CLIENT)
}

const SERVER: usize = 0;
const CLIENT: usize = 1;

fn pin(core: usize) -> rustix::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)
}

//! Rollouts from start to end, on real Envoys under load.

mod canary;

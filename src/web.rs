//! The HTTP port: `/readyz`, `/livez`, `/metrics`.

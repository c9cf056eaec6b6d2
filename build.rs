//! Compiles the admin API. The compiler is a Rust library (protox), so the build needs no `protoc`.

use std::error::Error;
use std::path::PathBuf;

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = "proto/tidegate/admin/v1/admin.proto";
    println!("cargo:rerun-if-changed={proto}");
    let files = protox::compile([proto], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // For gRPC reflection and for printing messages as JSON.
    std::fs::write(out.join("admin.binpb"), files.encode_to_vec())?;
    // Ordered maps, so that equal messages have equal bytes.
    tonic_prost_build::configure().btree_map(".").compile_fds(files)?;
    Ok(())
}

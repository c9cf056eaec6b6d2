//! Reflection, in both versions that clients in the field ask for.

use tonic_reflection::server::{Builder, Error, v1, v1alpha};

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: [&str; 2] = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// The descriptors of `tidegate.admin.v1` and all it imports, an encoded `FileDescriptorSet`.
pub fn descriptor_set() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/admin.binpb"))
}

/// The two reflection services over the descriptor sets given, to be mounted side by side. Older `grpcurl` and many libraries ask
/// only for v1alpha, newer ones ask for v1 first. Listed are the services named, reflection itself and gRPC health: the sets
/// describe more than a port serves.
///
/// # Errors
/// When a set cannot be decoded or is not complete in itself.
#[allow(clippy::type_complexity)]
pub fn reflection(
    sets: &[&'static [u8]],
    services: &[&str],
) -> Result<
    (v1::ServerReflectionServer<impl v1::ServerReflection>, v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>),
    Error,
> {
    let builder = || {
        let start = Builder::configure().register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        let described = sets.iter().fold(start, |builder, set| builder.register_encoded_file_descriptor_set(set));
        services.iter().chain(&[HEALTH]).fold(described, |builder, name| builder.with_service_name(*name))
    };
    Ok((builder().with_service_name(REFLECTION[0]).build_v1()?, builder().with_service_name(REFLECTION[1]).build_v1alpha()?))
}

//! Reflection in both versions: what `grpcurl` needs to work without proto files.

use jiff::Timestamp;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic_reflection::pb::{v1, v1alpha};

use crate::fixture::{Fixture, calm};

const WANT: &str = "tidegate.admin.v1.Admin";

async fn channel(fixture: &Fixture) -> Channel {
    Channel::from_shared(format!("http://{}", fixture.address)).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn v1_lists_and_describes() {
    use v1::server_reflection_client::ServerReflectionClient;
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    use v1::{ServerReflectionRequest, ServerReflectionResponse};
    let fixture = Fixture::start(calm(Timestamp::now()), vec![]).await;
    let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("tidegate.admin.v1.Status".into())),
    ];
    let mut client = ServerReflectionClient::new(channel(&fixture).await);
    let answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let answers: Vec<ServerReflectionResponse> = answers.take(2).map(Result::unwrap).collect().await;
    let Some(MessageResponse::ListServicesResponse(services)) = &answers[0].message_response else { panic!("{answers:?}") };
    let names: Vec<&str> = services.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&WANT) && names.contains(&"grpc.health.v1.Health"), "{names:?}");
    let Some(MessageResponse::FileDescriptorResponse(files)) = &answers[1].message_response else { panic!("{answers:?}") };
    assert!(!files.file_descriptor_proto.is_empty());
}

#[tokio::test]
async fn v1alpha_lists_the_same() {
    use v1alpha::ServerReflectionRequest;
    use v1alpha::server_reflection_client::ServerReflectionClient;
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;
    let fixture = Fixture::start(calm(Timestamp::now()), vec![]).await;
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(channel(&fixture).await);
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else { panic!("{answer:?}") };
    assert!(services.service.iter().any(|service| service.name == WANT));
}

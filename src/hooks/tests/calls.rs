//! A call, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::receiver::{Receiver, reply, statuses};
use crate::hooks::{Answer, Call, Caller};

fn call_to(url: String) -> Call {
    Call { token: "t-1".to_owned(), url, timeout: Duration::from_secs(10), body: json!({"step": 2}) }
}

/// A caller that trusts nobody, as plain HTTP needs none.
fn caller() -> Caller {
    Caller::trusting(RootCertStore::empty()).unwrap()
}

async fn answer_to(status: u16, body: &'static str) -> Answer {
    let receiver = Receiver::start(move |_| Some(reply(status, body))).await;
    caller().call(call_to(receiver.url())).await
}

#[tokio::test]
async fn a_call_brings_its_body_and_its_token() {
    let mut receiver = Receiver::start(statuses(&[204])).await;
    assert_eq!(caller().call(call_to(receiver.url())).await, Answer::Go);
    let seen = receiver.next().await;
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/hook?of=test"));
    assert_eq!(seen.body, json!({"step": 2}));
    let header = |name| seen.header(name);
    assert_eq!((header("idempotency-key"), header("content-type")), ("t-1", "application/json"));
    assert_eq!(header("user-agent"), format!("tidegate/{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("host"), receiver.address.to_string());
}

#[tokio::test]
async fn the_status_answers() {
    assert_eq!(answer_to(200, "no\n").await, Answer::Go);
    assert_eq!(
        answer_to(422, "2 of 90 failed\nmore").await,
        Answer::Stop("answered 422 Unprocessable Entity: 2 of 90 failed".into())
    );
    assert_eq!(answer_to(429, "").await, Answer::Again("answered 429 Too Many Requests".into()));
    assert_eq!(answer_to(503, "down").await, Answer::Again("answered 503 Service Unavailable: down".into()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut target = Receiver::start(statuses(&[200])).await;
    let to = target.url();
    let receiver = Receiver::start(move |_| {
        let mut redirect = reply(307, "");
        redirect.headers_mut().insert("location", to.parse().unwrap());
        Some(redirect)
    });
    let answer = caller().call(call_to(receiver.await.url())).await;
    let Answer::Again(reason) = answer else { panic!("{answer:?}") };
    assert!(reason.starts_with("answered 307 Temporary Redirect, and redirects are not followed"), "{reason}");
    assert_eq!(target.unseen(), 0);
    assert_eq!(caller().call(call_to(target.url())).await, Answer::Go);
    assert_eq!(target.next().await.method, "POST", "it would have answered");
}

#[tokio::test]
async fn who_never_answers_is_waited_for_no_longer_than_the_timeout() {
    let receiver = Receiver::start(|_| None).await;
    let call = Call { timeout: Duration::from_millis(50), ..call_to(receiver.url()) };
    assert_eq!(caller().call(call).await, Answer::Again("no answer within 50ms".into()));
}

#[tokio::test]
async fn a_body_without_end_keeps_no_answer_back() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let endless = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 409 Conflict\r\n\r\nno: ").await.unwrap();
        // Until the caller has read enough and hangs up.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let Answer::Stop(reason) = caller().call(call_to(url)).await else { panic!("409 is a no") };
    assert_eq!(reason.len(), "answered 409 Conflict: ".len() + 200);
    endless.await.unwrap();
}

#[tokio::test]
async fn a_port_where_nobody_is_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let Answer::Again(reason) = caller().call(call_to(url)).await else { panic!("nobody has answered") };
    assert!(reason.contains("Connection refused"), "{reason}");
}

#[tokio::test]
async fn what_is_no_url_is_not_asked_for_ever() {
    assert!(matches!(caller().call(call_to("http://a b/".into())).await, Answer::Stop(_)));
    let token = Call { token: "a\nb".into(), ..call_to("http://127.0.0.1:1/".into()) };
    assert!(matches!(caller().call(token).await, Answer::Stop(_)));
}

fn identity() -> (CertificateDer<'static>, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn https_goes_to_whom_an_authority_vouches_for() {
    let (certificate, acceptor) = identity();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut receiver = Receiver::start_with(Some(acceptor), statuses(&[200])).await;
    let call = call_to(format!("https://{}/", receiver.address));

    assert_eq!(Caller::trusting(roots).unwrap().call(call.clone()).await, Answer::Go);
    assert_eq!(receiver.next().await.header("idempotency-key"), "t-1");

    let mut others = RootCertStore::empty();
    others.add(identity().0).unwrap();
    let answer = Caller::trusting(others).unwrap().call(call.clone()).await;
    let Answer::Again(reason) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("invalid peer certificate"), "{reason}");

    let answer = caller().call(call).await;
    let Answer::Again(reason) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("install"), "{reason}");
    assert_eq!(receiver.unseen(), 0);
}

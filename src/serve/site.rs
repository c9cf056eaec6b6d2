//! What answers on a gRPC port.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Either, ready};
use futures_util::{FutureExt as _, TryFutureExt as _};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tonic::Status;
use tonic::service::Routes;
use tower::Service as _;

use crate::xds;

/// What answers on a gRPC port. Clones answer alike.
#[derive(Clone)]
pub(super) struct Site {
    streams: Option<xds::Server>,
    routes: Routes,
}

impl Site {
    /// These services, after the discovery services if there are.
    pub fn new(streams: Option<xds::Server>, routes: Routes) -> Site {
        Site { streams, routes: routes.prepare() }
    }

    /// Answers a request.
    pub fn answer(
        &self,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = Result<http::Response<Page>, Infallible>> + use<> {
        let other = match &self.streams {
            Some(streams) => match streams.answer(request) {
                Ok(response) => return Either::Left(ready(Ok(response.map(Page::Stream)))),
                Err(other) => *other,
            },
            None => request,
        };
        // Each clone is ready, and stays so. In a box, because as long as a stream lasts there is room for what began it.
        Either::Right(self.routes.clone().call(other).map_ok(|response| response.map(Page::Other)).boxed())
    }
}

/// The body of a response.
pub(super) enum Page {
    /// Of a discovery service.
    Stream(xds::Answer),
    /// Of another.
    Other(tonic::body::Body),
}

impl Body for Page {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.get_mut() {
            Page::Stream(answer) => Pin::new(answer).poll_frame(cx).map_err(|never| match never {}),
            Page::Other(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Page::Stream(answer) => answer.is_end_stream(),
            Page::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Page::Stream(answer) => answer.size_hint(),
            Page::Other(body) => body.size_hint(),
        }
    }
}

//! One request of the API, ready to be sent as often as needed.

use super::api_key::ApiKey;
use super::connector::Protocol;
use super::endpoint::{Endpoint, RequestTarget};
use super::session::{L1, Session};
use super::upload::Upload;
use crate::wire::header;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};

/// What this client calls itself.
const PRODUCT: &str = concat!("cachekit/", env!("CARGO_PKG_VERSION"));

/// What all requests of a client say.
#[derive(Debug)]
pub(super) struct CommonHeaders {
    map: HeaderMap,
    l1: L1,
    host: HeaderValue,
}

impl CommonHeaders {
    pub(super) fn new(api_key: &ApiKey, endpoint: &Endpoint, l1: L1) -> Self {
        let session = Session::current();
        let mut map = HeaderMap::with_capacity(8);
        map.insert(AUTHORIZATION, api_key.header());
        map.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        map.insert(
            HeaderName::from_static(header::L1_STATUS),
            HeaderValue::from_static(l1.status()),
        );
        map.insert(HeaderName::from_static(header::SESSION_ID), session.id.clone());
        map.insert(HeaderName::from_static(header::SESSION_START), session.start.clone());
        Self { map, l1, host: endpoint.host_header().clone() }
    }
}

/// A request. Sending it takes nothing away from it.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) target: RequestTarget,
    body: Option<Bytes>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// How large an answer may be.
    pub(super) limit: usize,
    /// Whether doing it twice is the same as doing it once.
    pub(super) idempotent: bool,
}

impl Call {
    /// Without a body.
    pub(super) fn new(method: Method, target: RequestTarget, limit: usize) -> Self {
        Self { method, target, body: None, headers: Vec::new(), limit, idempotent: true }
    }

    /// With a body of this type.
    pub(super) fn body(mut self, content_type: &'static str, body: Bytes) -> Self {
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        self.headers.push((CONTENT_LENGTH, HeaderValue::from(body.len())));
        self.body = Some(body);
        self
    }

    /// With one more header.
    pub(super) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// Doing it twice is not the same as doing it once.
    pub(super) fn once(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// As a connection of this protocol sends it.
    pub(super) fn request(&self, common: &CommonHeaders, protocol: Protocol) -> Request<Upload> {
        let upload = Upload::new(self.body.clone());
        let upload = if self.idempotent { upload } else { upload.noted() };
        let mut request = Request::new(upload);
        *request.method_mut() = self.method.clone();
        let mut headers = common.map.clone();
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        common.l1.write(&mut headers);
        match protocol {
            Protocol::Http2 => {
                *request.version_mut() = Version::HTTP_2;
                *request.uri_mut() = self.target.absolute();
            }
            Protocol::Http1 => {
                *request.uri_mut() = self.target.origin();
                headers.insert(HOST, common.host.clone());
            }
        }
        *request.headers_mut() = headers;
        request
    }
}

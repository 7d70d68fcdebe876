//! Changes that the page makes, for requests that have its token.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::fields::fields;
use super::{Serving, guarded, json as answer};
use crate::cached_function::Function;
use crate::contained::contained;
use crate::report;

/// What a request asks to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Drop the entries of one function in this process, or of all: `{"cache": "…"}`.
    Clear,
    /// Drop their expired entries.
    Purge,
    /// Call an invalidation: `{"invalidation": "user", "argument": "7"}`.
    Invalidate,
}

/// The longest body: a name and an entered argument.
pub(super) const MOST: usize = 16 * 1024;

impl Change {
    pub(super) const ALL: [Self; 3] = [Self::Clear, Self::Purge, Self::Invalidate];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Clear => "/clear",
            Self::Purge => "/purge",
            Self::Invalidate => "/invalidate",
        }
    }
}

/// Why nothing was changed.
struct Refused(StatusCode, String);

fn refused(status: StatusCode, why: impl Into<String>) -> Refused {
    Refused(status, why.into())
}

impl Serving {
    pub(super) async fn change(&self, change: Change, request: Request) -> Response {
        // First, because the body of a request without the token is not read.
        if !self.token.as_ref().is_some_and(|token| token.is_in(request.headers())) {
            let why = json!({ "error": "the token is missing or wrong" });
            let mut response = answer(StatusCode::UNAUTHORIZED, &why);
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            return response;
        }
        let changed = match Bytes::from_request(request, &()).await {
            Ok(body) => self.changed(change, &body).await,
            Err(unread) if unread.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(refused(unread.status(), "the body is too long"))
            }
            Err(unread) => Err(refused(unread.status(), "the body cannot be read")),
        };
        match changed {
            Ok(changed) => answer(StatusCode::OK, &changed),
            Err(Refused(status, why)) => answer(status, &json!({ "error": why })),
        }
    }

    async fn changed(&self, change: Change, body: &[u8]) -> Result<Value, Refused> {
        let wrong = |why| refused(StatusCode::BAD_REQUEST, why);
        match change {
            Change::Clear => {
                let [cache] = fields(body, ["cache"]).map_err(wrong)?;
                on_functions(cache, Function::clear_local).await
            }
            Change::Purge => {
                let [cache] = fields(body, ["cache"]).map_err(wrong)?;
                on_functions(cache, |function| function.definition().purge()).await
            }
            Change::Invalidate => {
                let [name, argument] = fields(body, ["invalidation", "argument"]).map_err(wrong)?;
                self.invalidated(name, argument).await
            }
        }
    }

    async fn invalidated(
        &self,
        name: Option<String>,
        argument: Option<String>,
    ) -> Result<Value, Refused> {
        let (Some(name), Some(argument)) = (name, argument) else {
            let why = "write {\"invalidation\": \"…\", \"argument\": \"…\"}";
            return Err(refused(StatusCode::BAD_REQUEST, why));
        };
        let known = self.invalidations.iter().find(|(known, _)| *known == name);
        let Some((_, invalidate)) = known else {
            return Err(refused(StatusCode::NOT_FOUND, "there is no invalidation with this name"));
        };
        // It may wait for the shared tier, and this thread has other requests to serve.
        let invalidate = Arc::clone(invalidate);
        let invalidated = elsewhere(move || guarded(|| invalidate(&argument)))
            .await?
            .map_err(|why| refused(StatusCode::UNPROCESSABLE_ENTITY, why))?;
        Ok(json!({
            "removed": invalidated.removed(),
            "is_confirmed": invalidated.is_confirmed(),
        }))
    }
}

/// Runs the user's code where it may block.
async fn elsewhere<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refused> {
    let ran = tokio::task::spawn_blocking(run).await;
    ran.map_err(|_| refused(StatusCode::INTERNAL_SERVER_ERROR, "it did not run"))
}

/// Does something with the entries of one function, or of all.
async fn on_functions(
    cache: Option<String>,
    act: impl Fn(&Function) -> u64 + Send + 'static,
) -> Result<Value, Refused> {
    elsewhere(move || {
        let reports = report::all();
        let functions: Vec<_> = match &cache {
            None => reports.values().flat_map(|report| &report.functions).collect(),
            Some(cache) => {
                let Some(report) = reports.get(cache) else {
                    let why = "there is no function with this name";
                    return Err(refused(StatusCode::NOT_FOUND, why));
                };
                report.functions.iter().collect()
            }
        };
        // Removed values are dropped here: a destructor that panics does not keep the entries of other
        // functions.
        let done = functions.into_iter().map(|function| contained(|| act(function)));
        let done: Vec<Option<u64>> = done.collect();
        if done.contains(&None) {
            let why = "a destructor of a value panicked; the entries are gone";
            return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, why));
        }
        Ok(json!({ "removed": done.into_iter().flatten().sum::<u64>() }))
    })
    .await?
}

//! Changes that the page makes, for requests that have its token.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Serving, guarded, json as answer};
use crate::cached_function::Function;
use crate::report;

/// What a request wants changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Drop the entries of one function in this process, or of all: `{"cache": "…"}`.
    Clear,
    /// Drop what has expired of them.
    Purge,
    /// Call an invalidation: `{"invalidation": "user", "argument": "7"}`.
    Invalidate,
}

/// The longest body: a name and what was entered.
const MOST: usize = 16 * 1024;

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
    pub(super) async fn change(
        &self,
        change: Change,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Response {
        if !self.token.as_ref().is_some_and(|token| token.is_in(headers)) {
            let why = json!({ "error": "the token is missing or wrong" });
            let mut response = answer(StatusCode::UNAUTHORIZED, &why);
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            return response;
        }
        match self.changed(change, body).await {
            Ok(changed) => answer(StatusCode::OK, &changed),
            Err(Refused(status, why)) => answer(status, &json!({ "error": why })),
        }
    }

    async fn changed(&self, change: Change, body: &[u8]) -> Result<Value, Refused> {
        if body.len() > MOST {
            return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
        }
        let asked: Value = if body.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(body)
                .map_err(|_| refused(StatusCode::BAD_REQUEST, "the body is not JSON"))?
        };
        let text = |name: &str| asked.get(name).and_then(Value::as_str);
        match change {
            Change::Clear => {
                let removed = on_functions(text("cache"), |report| {
                    report.functions.iter().map(Function::clear_local).sum()
                })?;
                Ok(json!({ "removed": removed }))
            }
            Change::Purge => {
                let removed = on_functions(text("cache"), |report| {
                    report.functions.iter().map(|function| function.definition().purge()).sum()
                })?;
                Ok(json!({ "removed": removed }))
            }
            Change::Invalidate => self.invalidated(text("invalidation"), text("argument")).await,
        }
    }

    async fn invalidated(
        &self,
        name: Option<&str>,
        argument: Option<&str>,
    ) -> Result<Value, Refused> {
        let (Some(name), Some(argument)) = (name, argument) else {
            let why = "write {\"invalidation\": \"…\", \"argument\": \"…\"}";
            return Err(refused(StatusCode::BAD_REQUEST, why));
        };
        let known = self.invalidations.iter().find(|(known, _)| known == name);
        let Some((_, invalidate)) = known else {
            return Err(refused(StatusCode::NOT_FOUND, "there is no invalidation of this name"));
        };
        // It may wait for the shared tier, and this thread has other requests to serve.
        let (invalidate, argument) = (Arc::clone(invalidate), argument.to_owned());
        let run = move || guarded(|| invalidate(&argument));
        let invalidated = tokio::task::spawn_blocking(run)
            .await
            .unwrap_or_else(|_| Err("it did not run".to_owned()))
            .map_err(|why| refused(StatusCode::UNPROCESSABLE_ENTITY, why))?;
        Ok(json!({
            "removed": invalidated.removed(),
            "is_confirmed": invalidated.is_confirmed(),
        }))
    }
}

/// Does something with one function, or with all.
fn on_functions(cache: Option<&str>, act: impl Fn(&report::Report) -> u64) -> Result<u64, Refused> {
    let reports = report::all();
    match cache {
        None => Ok(reports.values().map(act).sum()),
        Some(cache) => match reports.get(cache) {
            Some(report) => Ok(act(report)),
            None => Err(refused(StatusCode::NOT_FOUND, "there is no function of this name")),
        },
    }
}

use super::Redis;
use crate::{Backend, BackendError, BackendErrorKind, BoxFuture, Fetched, Health, Operation, SetOptions};
use bytes::Bytes;
fn todo<T>(operation: Operation) -> Result<T, BackendError> { Err(BackendError::new(BackendErrorKind::Unsupported, operation)) }
impl Backend for Redis {
    fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> { Box::pin(async { todo(Operation::Get) }) }
    fn set<'a>(&'a self, _: &'a str, _: Bytes, _: &'a SetOptions) -> BoxFuture<'a, Result<(), BackendError>> { Box::pin(async { todo(Operation::Set) }) }
    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> { Box::pin(async { todo(Operation::Delete) }) }
    fn exists<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> { Box::pin(async { todo(Operation::Exists) }) }
    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> { Box::pin(async { todo(Operation::Health) }) }
    fn backend_type(&self) -> &'static str { "redis" }
}

//! What [`init`](super::init) and [`check`](super::check) look for.

use std::sync::Arc;

use cachekit_io::{Backend, BackendError};

use crate::cached_function::{Function, L1, Policy, Tier};
use crate::contained::contained;
use crate::error::{ErrorKind, Problem};
use crate::shared::{RemoteEntry, backend, wrong_budget};
use crate::storage_key::stays::{self, Reason};

/// Everything that is wrong.
pub(super) async fn of_everything(functions: &[Function]) -> Vec<Problem> {
    let mut problems = of_settings(functions);
    problems.extend(functions.iter().copied().filter_map(fits));
    problems.extend(functions.iter().copied().flat_map(stays_here));
    problems.extend(reachable(functions).await);
    problems
}

fn tiers(functions: &[Function]) -> impl Iterator<Item = Tier> {
    let used = |tier: &Tier| {
        functions.iter().any(|function| {
            let policy = function.policy();
            function.tier() == *tier && !policy.own_backend && !policy.own_cache
        })
    };
    [Tier::Shared, Tier::Io, Tier::Secure].into_iter().filter(used)
}

/// What is wrong with settings, as far as these functions need them.
pub(super) fn of_settings(functions: &[Function]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(message) = wrong_budget() {
        problems.push(Problem::new(ErrorKind::Configuration, message));
    }
    #[cfg(feature = "secure")]
    problems.extend(crate::secure::seal::keys_for(functions));
    problems.extend(functions.iter().copied().filter_map(shares_an_operation));
    problems.extend(renamed_keys(functions));
    // What is wrong with one backend is said once, with all the functions that it concerns.
    let mut wrong: Vec<(BackendError, Vec<&str>)> = Vec::new();
    for tier in tiers(functions) {
        let Err(error) = backend(tier) else { continue };
        let whose = match tier {
            Tier::Io => "`#[cache::io]` functions have no backend",
            Tier::Secure => "`#[cache::secure]` functions have no shared backend",
            Tier::Shared | Tier::Local => "`#[cache]` functions have no shared backend",
        };
        let said = error.to_string();
        match wrong.iter_mut().find(|(known, _)| known.to_string() == said) {
            Some((_, concerned)) => concerned.push(whose),
            None => wrong.push((error, vec![whose])),
        }
    }
    for (error, concerned) in wrong {
        let concerned = concerned.join(", ");
        let message = format!("{concerned}, and cache in this process only: {error}");
        problems.push(Problem::new(ErrorKind::Configuration, message).with_source(error));
    }
    problems
}

/// That no other program finds the entries of functions that share with all languages.
fn renamed_keys(functions: &[Function]) -> Vec<Problem> {
    let renamed = |function: &&Function| {
        let policy = function.policy();
        let backend = if policy.own_backend { Ok(None) } else { backend(function.tier()) };
        policy.interop.is_some()
            && matches!(backend, Ok(Some(backend)) if contained(|| backend.renames_keys()) == Some(true))
    };
    // One is enough to say it.
    let first = functions.iter().find(renamed);
    let problem = |function: &Function| {
        let message = format!(
            "the backend puts something before every key, so that no other program finds the entries of functions with \
             `interop` such as `{}`: remove `CACHEKIT_REDIS_PREFIX`, or the `prefix` of the backend, or give these \
             functions another one with `backend = …`",
            function.path()
        );
        Problem::new(ErrorKind::Configuration, message)
    };
    first.map(problem).into_iter().collect()
}

/// Whether a function suits the service it may use.
fn fits(function: Function) -> Option<Problem> {
    let wrong = match function.tier() {
        #[cfg(feature = "secure")]
        Tier::Secure => crate::secure::seal::wrong_namespace(function.policy().namespace),
        _ => refused_namespace(function),
    }?;
    Some(Problem::new(ErrorKind::Function, format!("{}: {wrong}", place(function))))
}

fn place(function: Function) -> String {
    format!("{}:{}: `{}`", function.file(), function.line(), function.path())
}

/// That another function has the same operation for all languages; said at the first of them.
fn shares_an_operation(function: Function) -> Option<Problem> {
    let Policy { namespace, interop: Some(operation), .. } = function.policy() else { return None };
    let twin = Function::of(function.definition().twin()?);
    let at = |function: Function| (function.file(), function.line());
    if at(twin) < at(function) {
        return None;
    }
    let (namespace, reason) = (namespace.unwrap_or_default(), Reason::Operation);
    let message = format!(
        "{}: the operation `{operation}` of the namespace `{namespace}` is also that of {}: {reason}",
        place(function),
        place(twin),
    );
    Some(Problem::new(ErrorKind::Function, message))
}

/// Why values of a function that has a shared tier do not go there.
fn stays_here(function: Function) -> Vec<Problem> {
    let policy = function.policy();
    let has_one = policy.own_backend || matches!(backend(function.tier()), Ok(Some(_)));
    if function.tier() == Tier::Local || policy.own_cache || !has_one {
        return Vec::new();
    }
    let place = format!("{}:{}: `{}`", function.file(), function.line(), function.name());
    let problem = |reason| Problem::new(ErrorKind::Function, format!("{place}: {reason}"));
    let mut reasons = stays::reasons(function);
    // Said with the settings.
    reasons.retain(|reason| *reason != Reason::Operation);
    reasons.into_iter().map(problem).collect()
}

/// What the service has against the function's namespace. `#[cache::io]` checked it already; `#[cache]`
/// does not know where its values go, and a function can be built without an attribute.
fn refused_namespace(function: Function) -> Option<String> {
    let namespace = function.policy().namespace.filter(|_| uses_the_service(function))?;
    if !(1..=MAX_NAMESPACE).contains(&namespace.len()) {
        return Some(format!(
            "a namespace of cachekit.io has from 1 to {MAX_NAMESPACE} characters"
        ));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let odd = namespace.chars().find(|c| !legal(*c))?;
    Some(format!(
        "{odd:?} cannot be in a namespace of cachekit.io, which refuses the values of {namespace:?}"
    ))
}

/// Characters in a namespace of the service at most.
const MAX_NAMESPACE: usize = 64;

/// Whether the function's values go to the HTTP API, as far as that is known before a call.
fn uses_the_service(function: Function) -> bool {
    let policy = function.policy();
    match function.tier() {
        // Sealed values have rules of their own.
        Tier::Local | Tier::Secure => false,
        _ if policy.own_cache => false,
        Tier::Io => true,
        Tier::Shared => {
            let backend = if policy.own_backend { Ok(None) } else { backend(Tier::Shared) };
            // What the client of the API calls itself.
            matches!(backend, Ok(Some(backend)) if backend.backend_type() == "cachekit.io")
        }
    }
}

async fn reachable(functions: &[Function]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    // Two tiers mostly have one backend.
    let mut backends: Vec<(Arc<dyn Backend>, bool)> = Vec::new();
    for tier in tiers(functions) {
        let Ok(Some(backend)) = backend(tier) else { continue };
        let copies = keeps_copies(functions, tier);
        match backends.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &backend)) {
            Some((_, known)) => *known |= copies,
            None => backends.push((backend, copies)),
        }
    }
    for (backend, copies) in backends {
        let kind = backend.backend_type();
        match RemoteEntry::health(backend, copies).await {
            Ok(()) => {}
            Err(Some(error)) => {
                let message = format!("the backend of type `{kind}` does not answer well: {error}");
                let problem = Problem::new(ErrorKind::Unreachable, message);
                problems.push(problem.with_source(error));
            }
            Err(None) => problems.push(Problem::new(
                ErrorKind::Unreachable,
                format!("the backend of type `{kind}` gives no answer in time"),
            )),
        }
    }
    problems
}

/// Whether this process keeps copies of what any function of this tier stores there.
fn keeps_copies(functions: &[Function], tier: Tier) -> bool {
    let keeps = |policy: &Policy| !policy.own_backend && !policy.own_cache && policy.l1 != L1::Off;
    functions.iter().any(|function| function.tier() == tier && keeps(function.policy()))
}

#[cfg(all(test, feature = "interop"))]
mod tests;

//! Many keys: one round trip for each node, all nodes at the same time.

use super::copies::Writes;
use super::events::{Announced, Telling};
use super::failure::{Failure, Then};
use super::layout::Found;
use super::node::Node;
use super::operations::{Entry, integer, malformed, read};
use super::request::{Request, Together};
use super::send::{Deadline, Repeat};
use super::{Redis, Shared};
use crate::{BackendError, BatchEntry, BatchResults, Fetched, Operation};
use ::redis::{Cmd, Pipeline, Value};
use futures_util::future::{join, join_all, join3};
use std::collections::HashMap;
use std::future::{Future, ready};
use std::sync::Arc;

/// A part of a batch that one slot is concerned with.
struct Part<'a, R> {
    slot: u16,
    request: R,
    /// The entry that is filled.
    fills: Option<&'a str>,
    /// The entry that is written or removed, and who has to be told.
    writes: Option<(&'a str, &'a Telling<'a>)>,
}

/// How a part is written among others, and its answer found among theirs.
trait Piece: Request {
    fn len(&self) -> usize;
    fn write_to(&self, pipeline: &mut Pipeline);
    fn read(answers: &mut [Value]) -> Result<Self::Answer, Failure>;
}

/// What came of sending a part, and whether it may have taken effect without an answer.
type Sent<P> = (Result<<P as Request>::Answer, Failure>, bool);

impl Piece for Cmd {
    fn len(&self) -> usize {
        1
    }

    fn write_to(&self, pipeline: &mut Pipeline) {
        pipeline.add_command(self.clone());
    }

    fn read(answers: &mut [Value]) -> Result<Value, Failure> {
        match answers.first_mut() {
            Some(Value::ServerError(error)) => Err(Failure::server(error)),
            Some(answer) => Ok(std::mem::replace(answer, Value::Nil)),
            None => Err(Failure::malformed()),
        }
    }
}

impl Piece for Together {
    fn len(&self) -> usize {
        Together::len(self)
    }

    fn write_to(&self, pipeline: &mut Pipeline) {
        Together::write_to(self, pipeline);
    }

    fn read(answers: &mut [Value]) -> Result<Vec<Value>, Failure> {
        Together::read(answers)
    }
}

impl Redis {
    pub(super) async fn do_get_many(&self, keys: &[&str]) -> BatchResults<Option<Fetched>> {
        const GET_MANY: Operation = Operation::GetMany;
        let entries: Vec<_> = keys.iter().map(|key| self.entry(GET_MANY, key)).collect();
        // For each slot the places of its keys.
        let mut slots: HashMap<u16, Vec<usize>> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            if let Ok(entry) = entry {
                slots.entry(entry.slot).or_default().push(place);
            }
        }
        let groups: Vec<_> = slots.into_iter().collect();
        let parts: Vec<_> = groups
            .iter()
            .map(|(slot, places)| {
                let mut request = Cmd::new();
                request.arg("MGET");
                for entry in places.iter().filter_map(|&place| entries[place].as_ref().ok()) {
                    request.arg(&*entry.name);
                }
                Part { slot: *slot, request, fills: None, writes: None }
            })
            .collect();
        let deadline = match self.deadline(GET_MANY, None) {
            Ok(deadline) => deadline,
            Err(error) => return failed(&entries, &error),
        };
        let (groups, entries) = (&groups, &entries);
        let found = self.send_many(GET_MANY, &parts, deadline, |part, answer| async move {
            let places = &groups[part].1;
            let answer = answer.map(|(answer, _)| answer);
            self.found(entries, places, answer, deadline).await
        });
        let mut results: Vec<_> = entries.iter().map(|entry| refused(entry, None)).collect();
        for (place, result) in found.await.into_iter().flatten() {
            results[place] = result;
        }
        results
    }

    /// What the answer to a `MGET` says about the entries at these places.
    async fn found(
        &self,
        entries: &[Result<Entry<'_>, BackendError>],
        places: &[usize],
        answer: Result<Value, BackendError>,
        deadline: Deadline,
    ) -> Vec<(usize, Result<Option<Fetched>, BackendError>)> {
        const GET_MANY: Operation = Operation::GetMany;
        let values = match answer {
            Ok(Value::Array(values)) if values.len() == places.len() => values,
            Ok(_) => vec![Value::Okay; places.len()],
            Err(error) => return places.iter().map(|&place| (place, Err(error.clone()))).collect(),
        };
        let mut results = Vec::with_capacity(places.len());
        let mut windowed = Vec::new();
        for (&place, value) in places.iter().zip(values) {
            let Ok(entry) = &entries[place] else { continue };
            let result = match read(value) {
                Some(None) => Ok(None),
                Some(Some(Found::Plain(value))) => Ok(Some(Fetched::fresh(value))),
                Some(Some(Found::Windowed(..))) => {
                    windowed.push((place, entry));
                    continue;
                }
                None => Err(malformed(GET_MANY, entry.key)),
            };
            results.push((place, result));
        }
        // These need the time to live beside the value.
        let again = windowed.iter().map(async |(place, entry)| {
            (*place, self.get_windowed(GET_MANY, entry, deadline).await)
        });
        results.extend(join_all(again).await);
        results
    }

    pub(super) async fn do_set_many(&self, items: &[BatchEntry<'_>]) -> BatchResults<()> {
        const SET_MANY: Operation = Operation::SetMany;
        let entries: Vec<_> = items
            .iter()
            .map(|item| self.checked(SET_MANY, item.key, &item.value, &item.options))
            .collect();
        // Of equal keys the last is stored; the others share its result.
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            if let Ok(entry) = entry {
                last.insert(entry.key, place);
            }
        }
        let mut stored: Vec<_> = last.values().copied().collect();
        stored.sort_unstable();
        // Locks are compared by a script, one by one.
        let (locked, plain): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|&place| items[place].options.lock.is_some());
        let tellings = plain.iter().map(|&place| self.shared.events.replaces(items[place].key));
        let tellings: Vec<_> = tellings.collect();
        let parts: Vec<_> = plain
            .iter()
            .zip(&tellings)
            .filter_map(|(&place, telling)| {
                let (entry, item) = (entries[place].as_ref().ok()?, &items[place]);
                let request = self.set_together(entry, item.value.clone(), &item.options);
                let name = &*entry.name;
                let writes = Some((name, telling));
                Some(Part { slot: entry.slot, request, fills: Some(name), writes })
            })
            .collect();
        let guarded = join_all(locked.iter().map(async |&place| {
            let item = &items[place];
            self.do_set(item.key, item.value.clone(), &item.options).await
        }));
        let deadline = match self.deadline(SET_MANY, None) {
            Ok(deadline) => deadline,
            Err(error) => return failed(&entries, &error),
        };
        let sent = self.send_many(SET_MANY, &parts, deadline, |_, answer| ready(answer));
        let (answers, guarded) = join(sent, guarded).await;

        let mut results: Vec<_> = entries.iter().map(|entry| refused(entry, ())).collect();
        let answers = answers.into_iter().map(|answer| answer.map(|_| ()));
        let outcomes: HashMap<usize, _> =
            plain.into_iter().zip(answers).chain(locked.into_iter().zip(guarded)).collect();
        for (place, entry) in entries.iter().enumerate() {
            if let Ok(entry) = entry
                && let Some(outcome) = last.get(entry.key).and_then(|last| outcomes.get(last))
            {
                results[place] = outcome.clone().map_err(|error| error.with_key(items[place].key));
            }
        }
        results
    }

    pub(super) async fn do_delete_many(&self, keys: &[&str]) -> BatchResults<bool> {
        const DELETE_MANY: Operation = Operation::DeleteMany;
        let entries: Vec<_> = keys.iter().map(|key| self.entry(DELETE_MANY, key)).collect();
        let asked = entries.iter().enumerate();
        let asked = asked.filter_map(|(place, entry)| Some((place, entry.as_ref().ok()?)));
        let (places, asked): (Vec<_>, Vec<_>) = asked.unzip();
        let tellings = asked.iter().map(|entry| self.shared.events.deletes(entry.key));
        let tellings: Vec<_> = tellings.collect();
        let parts = asked.iter().zip(&tellings).map(|(entry, telling)| {
            let request = self.delete_command(entry);
            let writes = Some((&*entry.name, telling));
            Part { slot: entry.slot, request, fills: None, writes }
        });
        let parts: Vec<_> = parts.collect();
        let deadline = match self.deadline(DELETE_MANY, None) {
            Ok(deadline) => deadline,
            Err(error) => return failed(&entries, &error),
        };
        let sent = self.send_many(DELETE_MANY, &parts, deadline, |_, answer| ready(answer));
        let answers = sent.await;

        let mut results: Vec<_> = entries.iter().map(|entry| refused(entry, false)).collect();
        for (place, answer) in places.into_iter().zip(answers) {
            results[place] = answer.and_then(|(answer, repeated)| {
                let removed = integer(DELETE_MANY, keys[place], &answer)?;
                Ok(removed > 0 || repeated)
            });
        }
        results
    }

    /// Sends the parts of a batch; each has an answer of its own, and whether it may have taken effect
    /// twice. Parts that a failover or a move of slots concerns go on by themselves.
    ///
    /// What is still to be done for a part, given its place and its answer, is done as soon as its node has answered:
    /// another node that is silent takes all of the time.
    async fn send_many<P: Piece, R, F: Future<Output = R>>(
        &self,
        operation: Operation,
        parts: &[Part<'_, P>],
        deadline: Deadline,
        finish: impl Fn(usize, Result<(P::Answer, bool), BackendError>) -> F,
    ) -> Vec<R> {
        if parts.is_empty() {
            return Vec::new();
        }
        let shared = &self.shared;
        let mut by_node: Vec<(Arc<Node>, Vec<usize>)> = Vec::new();
        let mut nowhere: Vec<(usize, Option<Sent<P>>)> = Vec::new();
        // One after the other: all but the first find the map there. Where a slot has no node, its part waits for one by
        // itself, as do those that come after it: each look-up takes time that the others have.
        let mut failed: Option<Option<Failure>> = None;
        for (place, part) in parts.iter().enumerate() {
            let found = match (shared.topology.known_node(part.slot), &failed) {
                (Some(node), _) => Ok(node),
                (None, Some(failure)) => Err(failure.clone()),
                (None, None) => match deadline.bound(shared.topology.node(part.slot)).await {
                    Some(found) => found.map_err(Some),
                    None => Err(None),
                },
            };
            match found {
                Ok(node) => match by_node.iter_mut().find(|(of, _)| Arc::ptr_eq(of, &node)) {
                    Some((_, places)) => places.push(place),
                    None => by_node.push((node, vec![place])),
                },
                Err(failure) => {
                    failed = Some(failure.clone());
                    nowhere.push((place, failure.map(|failure| (Err(failure), false))));
                }
            }
        }
        let (parts, finish) = (&parts, &finish);
        let end = async |place: usize, sent: Option<Sent<P>>| {
            let answer = self.end(operation, &parts[place], sent, deadline).await;
            (place, finish(place, answer).await)
        };
        let end = &end;
        // Each node has its own limit: one that is silent costs the others no answer.
        let sent = join_all(by_node.iter().map(async |(node, places)| {
            let answers = deadline.bound(send_to(shared, node, parts, places)).await;
            let answers = answers.unwrap_or_default().into_iter().map(Some);
            let answers = answers.chain(std::iter::repeat_with(|| None));
            let ends = places.iter().zip(answers).map(|(&place, sent)| end(place, sent));
            join_all(ends).await
        }));
        let unsent = join_all(nowhere.into_iter().map(|(place, sent)| end(place, sent)));
        let (sent, unsent) = join(sent, unsent).await;
        let mut ended: Vec<_> = sent.into_iter().flatten().chain(unsent).collect();
        ended.sort_unstable_by_key(|(place, _)| *place);
        ended.into_iter().map(|(_, end)| end).collect()
    }

    /// What comes of a part after it was sent among others, or could not be.
    async fn end<P: Piece>(
        &self,
        operation: Operation,
        part: &Part<'_, P>,
        sent: Option<Sent<P>>,
        deadline: Deadline,
    ) -> Result<(P::Answer, bool), BackendError> {
        let (failure, lost) = match sent {
            Some((Ok(answer), _)) => return Ok((answer, false)),
            Some((Err(failure), lost)) => (failure, lost),
            None => (super::send::late(None), false),
        };
        if failure.then == Then::Stop || deadline.is_over() {
            return Err(failure.after(lost).into_error(operation, None));
        }
        let (shared, slot, request) = (&self.shared, part.slot, &part.request);
        let again = match part.writes {
            Some((name, telling)) => {
                let request = Announced { telling, request: Writes { name, request } };
                shared.before(deadline, slot, &request, Repeat::Yes).await
            }
            None => shared.before(deadline, slot, request, Repeat::Yes).await,
        };
        again
            .map(|answered| (answered.answer, answered.repeated || lost))
            .map_err(|failure| failure.after(lost).into_error(operation, None))
    }
}

/// Sends some parts to one node in one piece.
async fn send_to<P: Piece>(
    shared: &Shared,
    node: &Arc<Node>,
    parts: &[Part<'_, P>],
    places: &[usize],
) -> Vec<Sent<P>> {
    let events = &shared.events;
    let all = |failure: &Failure, lost| {
        places.iter().map(|_| (Err(failure.clone()), lost)).collect::<Vec<_>>()
    };
    let connection = match node.connection().await {
        Ok(connection) => connection,
        Err(failure) => return all(&failure, false),
    };
    let count = places.iter().map(|&place| parts[place].request.len()).sum();
    let mut pipeline = Pipeline::with_capacity(count);
    for &place in places {
        parts[place].request.write_to(&mut pipeline);
    }
    let writing = places.iter().map(|&place| events.writes(&connection, parts[place].fills?));
    let mut writing: Vec<_> = writing.collect();
    let tellings = places.iter().filter_map(|&place| parts[place].writes);
    let tellings: Vec<_> = tellings.map(|(_, telling)| telling).collect();
    let echoes = async {
        if writing.iter().any(Option::is_some) {
            connection.has_answered().await;
        }
    };
    let told = events.announce(&connection, &tellings);
    let (answers, (), ()) = join3(connection.many(&pipeline), told, echoes).await;
    if !answers.as_ref().is_ok_and(|answers| answers.len() == count) {
        for telling in &tellings {
            telling.reopen();
        }
    }
    events.used(&connection);
    let mut answers = match answers {
        Ok(answers) if answers.len() == count => answers,
        Ok(_) => return all(&Failure::malformed(), false),
        Err(error) => return all(&Failure::of(&error), true),
    };
    let mut rest = answers.as_mut_slice();
    let mut read = Vec::with_capacity(places.len());
    for (&place, writing) in places.iter().zip(&mut writing) {
        let (answer, others) = rest.split_at_mut(parts[place].request.len());
        rest = others;
        let answer = P::read(answer);
        if let Some(writing) = writing.as_mut().filter(|_| answer.is_ok()) {
            writing.stored();
        }
        if let Some((_, telling)) = parts[place].writes.filter(|_| answer.is_err()) {
            telling.reopen();
        }
        read.push((answer, false));
    }
    let written = places.iter().zip(&read).filter(|(_, (answer, _))| answer.is_ok());
    let last = written.filter_map(|(&place, _)| parts[place].writes).last();
    if let Some((name, _)) = last
        && let Err(failure) = shared.copied(node, &connection, name, false).await
    {
        // Those that took effect are not confirmed.
        for (answer, lost) in read.iter_mut().filter(|(answer, _)| answer.is_ok()) {
            (*answer, *lost) = (Err(failure.clone()), true);
        }
    }
    read
}

/// The results where nothing is sent for this error.
fn failed<T>(entries: &[Result<Entry<'_>, BackendError>], error: &BackendError) -> BatchResults<T> {
    let each = |entry: &Result<_, BackendError>| entry.as_ref().err().unwrap_or(error).clone();
    entries.iter().map(|entry| Err(each(entry))).collect()
}

/// The result of an item that is not sent; for the others, what stands there until its answer comes.
fn refused<T>(entry: &Result<Entry<'_>, BackendError>, until_then: T) -> Result<T, BackendError> {
    match entry {
        Ok(_) => Ok(until_then),
        Err(error) => Err(error.clone()),
    }
}

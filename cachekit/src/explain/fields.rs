//! The explanation for programs.

use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Explanation, Next, NotStored, Process, ProcessState, Refused, Shared, SharedState};

macro_rules! serialize_as_str {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )*};
}

serialize_as_str!(Next ProcessState SharedState Refused NotStored);

/// Durations are numbers of seconds.
fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64())
}

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { cache, next, process, shared, is_running, not_stored, cost } = self;
        let mut fields = serializer.serialize_struct("Explanation", 7)?;
        fields.serialize_field("cache", cache)?;
        fields.serialize_field("next", next)?;
        fields.serialize_field("process", process)?;
        fields.serialize_field("shared", shared)?;
        fields.serialize_field("is_running", is_running)?;
        fields.serialize_field("not_stored", not_stored)?;
        fields.serialize_field("cost_seconds", &seconds(*cost))?;
        fields.end()
    }
}

impl Serialize for Process {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { state, left, over, weight } = self;
        let mut fields = serializer.serialize_struct("Process", 4)?;
        fields.serialize_field("state", state)?;
        fields.serialize_field("left_seconds", &seconds(*left))?;
        fields.serialize_field("over_seconds", &seconds(*over))?;
        fields.serialize_field("weight", weight)?;
        fields.end()
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { state, backend, fingerprint, left, age, bytes } = self;
        let mut fields = serializer.serialize_struct("Shared", 7)?;
        fields.serialize_field("state", state)?;
        let error = if let SharedState::Failed(kind) = state { Some(kind) } else { None };
        fields.serialize_field("error", &error)?;
        fields.serialize_field("backend", backend)?;
        fields.serialize_field("fingerprint", fingerprint)?;
        fields.serialize_field("left_seconds", &seconds(*left))?;
        fields.serialize_field("age_seconds", &seconds(*age))?;
        fields.serialize_field("bytes", bytes)?;
        fields.end()
    }
}

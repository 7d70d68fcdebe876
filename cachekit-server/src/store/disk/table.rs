//! The content of the file: a row of facts and the value for each key.

use super::super::index::{Index, New};
use super::super::{ENTRY_OVERHEAD, Entry, EntryKey, Lifetime, StoreError};
use crate::clock::Timestamp;
use bytes::Bytes;
use cachekit_io::wire::limits::MAX_TTL_SECONDS;
use redb::{
    Database, ReadableTable, StorageBackend, Table, TableDefinition, TableHandle, WriteTransaction,
};
use twox_hash::XxHash3_64;

/// Fresh until, gone at, when that was written, length of the value, checksum of the value, checksum of all that
/// and the key.
pub(super) type Row = (u64, u64, u64, u64, u64, u64);

const ROWS: TableDefinition<'static, &[u8], Row> = TableDefinition::new("rows-2");
const VALUES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("values-2");
/// Tables of older versions, whose rows do not say when they were written. They are removed: a cache may be empty.
const OLD: [&str; 2] = ["rows-1", "values-1"];
/// See [`Tables::rehearse`].
const REHEARSAL: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rehearsal");

/// Pages of the file that redb keeps in memory, in bytes; the system's cache has the others.
const PAGE_CACHE: usize = 64 * 1024 * 1024;
/// An entry with a longer lifetime than any entry can have was written by a wrong clock.
const LONGEST_LIFE_SECONDS: u64 = MAX_TTL_SECONDS + 86_400;
/// Up to this size, entries share a page.
const SHARED_PAGE: usize = 2048;

/// The file.
pub(super) struct Tables(Database);

/// What is in the file under a key.
pub(super) enum Found {
    Entry(Entry),
    /// A value longer than requested, which was not read.
    Longer {
        length: usize,
        lifetime: Lifetime,
    },
    Nothing,
    /// A row whose checksums do not match.
    Damaged(Row),
}

/// The charged size of an entry: about the space it takes in the file.
pub(super) fn weight(key: &EntryKey, length: usize) -> u64 {
    let bytes = key.as_bytes().len().saturating_add(length);
    let room = if bytes <= SHARED_PAGE { Some(bytes) } else { bytes.checked_next_power_of_two() };
    room.and_then(|room| u64::try_from(room).ok())
        .unwrap_or(u64::MAX)
        .saturating_add(ENTRY_OVERHEAD)
}

impl Tables {
    pub(super) fn open(backend: impl StorageBackend) -> Result<Self, StoreError> {
        let mut builder = Database::builder();
        let database = builder.set_cache_size(PAGE_CACHE).create_with_backend(backend);
        let tables = Self(database.map_err(failed)?);
        // Existing tables can be read by every reader; a file that has them is not written to.
        if !tables.are_there()? {
            let transaction = tables.write()?;
            transaction.remove_old()?;
            transaction.rows()?;
            transaction.values()?;
            transaction.commit()?;
        }
        Ok(tables)
    }

    fn are_there(&self) -> Result<bool, StoreError> {
        let reading = self.0.begin_read().map_err(failed)?;
        let opened = reading.open_table(ROWS).map(drop).and(reading.open_table(VALUES).map(drop));
        match opened {
            Ok(()) => Ok(true),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Fills an index from the file. Returns how many rows were damaged, and the names of those that
    /// are not worth keeping.
    pub(super) fn load(
        &self,
        index: &Index<()>,
        now: Timestamp,
    ) -> Result<(u64, Vec<Vec<u8>>), StoreError> {
        let latest = now.plus_seconds(LONGEST_LIFE_SECONDS);
        let mut unwanted = Vec::new();
        let mut damaged = 0;
        let reading = self.0.begin_read().map_err(failed)?;
        for item in reading.open_table(ROWS).map_err(failed)?.iter().map_err(failed)? {
            let (name, row) = item.map_err(failed)?;
            let (name, row) = (name.value(), row.value());
            let Some(key) = EntryKey::from_bytes(name).filter(|_| is_sound(name, &row)) else {
                damaged += 1;
                unwanted.push(name.to_vec());
                continue;
            };
            let lifetime = lifetime(&row);
            // What was written after now was written by a clock that ran ahead: it would outlive what it was given.
            let plausible = !lifetime.is_bounded()
                || (lifetime.gone_at <= latest && Timestamp::from_millis(row.2) <= now);
            if !plausible || !lifetime.is_alive(now) {
                unwanted.push(name.to_vec());
                continue;
            }
            let new = New { payload: (), lifetime, weight: weight(&key, length(&row)) };
            let mut gone = Vec::new();
            if index.insert(&key, new, None, now, &mut gone).is_err() {
                gone.push(key);
            }
            unwanted.extend(gone.iter().map(|key| key.as_bytes().to_vec()));
        }
        Ok((damaged, unwanted))
    }

    /// The facts in the row of a key: its lifetime and the length of its value; `None` without an intact
    /// row.
    pub(super) fn facts(&self, key: &EntryKey) -> Result<Option<(Lifetime, usize)>, StoreError> {
        let reading = self.0.begin_read().map_err(failed)?;
        let rows = reading.open_table(ROWS).map_err(failed)?;
        let name = key.as_bytes();
        let row = rows.get(name).map_err(failed)?.map(|row| row.value());
        let row = row.filter(|row| is_sound(name, row));
        Ok(row.map(|row| (lifetime(&row), length(&row))))
    }

    /// The names of all rows.
    #[cfg(test)]
    pub(super) fn names(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let reading = self.0.begin_read().map_err(failed)?;
        let rows = reading.open_table(ROWS).map_err(failed)?;
        let names = rows.iter().map_err(failed)?;
        names.map(|item| Ok(item.map_err(failed)?.0.value().to_vec())).collect()
    }

    /// Writes values of these sizes and removes them again, to find out whether there is space for them.
    pub(super) fn rehearse(&self, sizes: &[usize]) -> Result<(), StoreError> {
        let name = |at: usize| at.to_le_bytes();
        let transaction = self.write()?;
        {
            let mut rehearsal = transaction.0.open_table(REHEARSAL).map_err(failed)?;
            for (at, size) in sizes.iter().enumerate() {
                rehearsal
                    .insert(name(at).as_slice(), vec![0xa5; *size].as_slice())
                    .map_err(failed)?;
            }
        }
        transaction.commit()?;
        let transaction = self.write()?;
        transaction.0.delete_table(REHEARSAL).map_err(failed)?;
        transaction.commit()
    }

    /// Row and value, as one transaction left them; for a value longer than `most` only the row.
    pub(super) fn read(&self, key: &EntryKey, most: usize) -> Result<Found, StoreError> {
        let reading = self.0.begin_read().map_err(failed)?;
        let name = key.as_bytes();
        let rows = reading.open_table(ROWS).map_err(failed)?;
        let Some(row) = rows.get(name).map_err(failed)?.map(|row| row.value()) else {
            return Ok(Found::Nothing);
        };
        if !is_sound(name, &row) {
            return Ok(Found::Damaged(row));
        }
        match usize::try_from(row.3) {
            Ok(length) if length > most => {
                return Ok(Found::Longer { length, lifetime: lifetime(&row) });
            }
            _ => {}
        }
        let values = reading.open_table(VALUES).map_err(failed)?;
        let value = values.get(name).map_err(failed)?;
        let Some(value) = value.as_ref().map(redb::AccessGuard::value) else {
            return Ok(Found::Damaged(row));
        };
        let whole = u64::try_from(value.len()) == Ok(row.3) && checksum(&[name, value]) == row.4;
        if !whole {
            return Ok(Found::Damaged(row));
        }
        let value = Bytes::copy_from_slice(value);
        Ok(Found::Entry(Entry { value, lifetime: lifetime(&row) }))
    }

    /// Begins a transaction that is durable once it is committed, and after which the file opens
    /// without a repair that would read all of it.
    pub(super) fn write(&self) -> Result<Writing, StoreError> {
        let mut transaction = self.0.begin_write().map_err(failed)?;
        transaction.set_durability(redb::Durability::Immediate);
        transaction.set_quick_repair(true);
        Ok(Writing(transaction))
    }
}

/// A transaction that writes.
pub(super) struct Writing(WriteTransaction);

impl Writing {
    fn rows(&self) -> Result<Table<'_, &'static [u8], Row>, StoreError> {
        self.0.open_table(ROWS).map_err(failed)
    }

    fn values(&self) -> Result<Table<'_, &'static [u8], &'static [u8]>, StoreError> {
        self.0.open_table(VALUES).map_err(failed)
    }

    fn remove_old(&self) -> Result<(), StoreError> {
        for handle in self.0.list_tables().map_err(failed)? {
            if OLD.contains(&handle.name()) {
                self.0.delete_table(handle).map_err(failed)?;
            }
        }
        Ok(())
    }

    pub(super) fn put(
        &self,
        key: &EntryKey,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = key.as_bytes();
        let length = u64::try_from(entry.value.len()).unwrap_or(u64::MAX);
        let row = sealed(name, entry.lifetime, now, length, checksum(&[name, &entry.value]));
        self.rows()?.insert(name, row).map_err(failed)?;
        self.values()?.insert(name, entry.value.as_ref()).map_err(failed)?;
        Ok(())
    }

    /// Removes the entry with this name, which is a key's name or an invalid one.
    pub(super) fn delete(&self, name: &[u8]) -> Result<(), StoreError> {
        self.rows()?.remove(name).map_err(failed)?;
        self.values()?.remove(name).map_err(failed)?;
        Ok(())
    }

    pub(super) fn set_lifetime(
        &self,
        key: &EntryKey,
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = key.as_bytes();
        let mut rows = self.rows()?;
        let found = rows.get(name).map_err(failed)?.map(|row| row.value());
        // A damaged row stays damaged: new checksums would hide the damage.
        if let Some(row) = found.filter(|row| is_sound(name, row)) {
            rows.insert(name, sealed(name, lifetime, now, row.3, row.4)).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether the key still has this row.
    pub(super) fn has_row(&self, key: &EntryKey, row: &Row) -> Result<bool, StoreError> {
        let rows = self.rows()?;
        let found = rows.get(key.as_bytes()).map_err(failed)?;
        Ok(found.is_some_and(|found| found.value() == *row))
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        self.0.commit().map_err(failed)
    }
}

fn lifetime(row: &Row) -> Lifetime {
    Lifetime { fresh_until: Timestamp::from_millis(row.0), gone_at: Timestamp::from_millis(row.1) }
}

fn length(row: &Row) -> usize {
    usize::try_from(row.3).unwrap_or(usize::MAX)
}

fn sealed(name: &[u8], lifetime: Lifetime, now: Timestamp, length: u64, value_sum: u64) -> Row {
    let (fresh, gone) = (lifetime.fresh_until.as_millis(), lifetime.gone_at.as_millis());
    let written = now.as_millis();
    let sum = row_sum(name, [fresh, gone, written, length, value_sum]);
    (fresh, gone, written, length, value_sum, sum)
}

fn is_sound(name: &[u8], row: &Row) -> bool {
    row.5 == row_sum(name, [row.0, row.1, row.2, row.3, row.4])
}

fn row_sum(name: &[u8], facts: [u64; 5]) -> u64 {
    let facts = facts.map(u64::to_le_bytes);
    checksum(&[name, facts.as_flattened()])
}

/// XXH3 over the parts; the length of the first precedes it, so that no other split gives the same bytes.
fn checksum(parts: &[&[u8]; 2]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = XxHash3_64::new();
    hasher.write(&u64::try_from(parts[0].len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.write(parts[0]);
    hasher.write(parts[1]);
    hasher.finish()
}

fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError::unavailable(&error.into())
}

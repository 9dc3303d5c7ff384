//! The keys of texts about people: those of what is stored, or none.
//!
//! A program that cannot open what is sealed must not start: it would show nothing where there is something, and store plain
//! for ever what must be sealed. So the log is asked, not only the store of keys.

use crate::flags::{Flags, PersonalDataKeyError};
use key_store::{Access, KeyStore, KeyStoreError, Keyring};
use personal_data::{KeyId, MasterKey};

/// Why texts about people cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The key of personal data cannot be read.
    #[error(transparent)]
    PersonalDataKey(#[from] PersonalDataKeyError),
    /// The key of personal data is not the one that was used before, or not for all keys.
    #[error(
        "--personal-data-key-file: another master key wraps data keys of this store; start with that one, or change it by: \
         orderlog keys rotate-master"
    )]
    OtherMasterKey,
    /// Texts are sealed, and the key is not given.
    #[error(
        "texts about people are sealed here: give --personal-data-key-file. Without it they could not be read, and new ones \
         would be stored plain, for ever"
    )]
    NoMasterKey,
    /// The store of keys is not there.
    #[error(
        "--key-store: texts in this log are sealed, and their keys are not at {key_store}: put a copy of them there. If there \
         is none, nobody can read those texts any more; then `orderlog keys accept-loss` goes on with new keys"
    )]
    NoKeys {
        /// Where they were looked for.
        key_store: String,
    },
    /// Another store of keys.
    #[error(
        "--key-store: texts in this log are sealed with keys of another store: name that one, or put a copy of it in the place of \
         this one. If there is none, nobody can read those texts any more; then `orderlog keys accept-loss` goes on with this one"
    )]
    OtherKeys,
    /// The store of keys cannot be opened.
    #[error("--key-store: {0}")]
    Store(#[from] KeyStoreError),
}

/// What a program works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// A log, which names the store of keys that its texts are sealed with; `None` = none is sealed.
    Log(Option<KeyId>),
    /// Views, which do not.
    Views,
}

/// What seals texts about people, if the flags name a master key; its task is to be run. `key_store` is the store's URL.
///
/// # Errors
/// When the keys are not those of what is stored, or are missing where texts are sealed already.
pub async fn sealing(
    flags: &Flags,
    key_store: &str,
    stored: Stored,
) -> Result<Option<Keyring>, SealingError> {
    let (noted, writes) = match stored {
        Stored::Log(noted) => (noted, true),
        Stored::Views => (None, false),
    };
    let Some(master) = flags.personal_data_key()? else {
        let sealed = noted.is_some() || !writes && has_data_keys(key_store).await;
        return if sealed { Err(SealingError::NoMasterKey) } else { Ok(None) };
    };
    let file = key_store.starts_with("sqlite:");
    if file && noted.is_some() && !is_there(key_store) {
        return Err(SealingError::NoKeys { key_store: key_store.to_owned() });
    }
    // The first program to seal makes the store, where that is a file.
    let access = if file && writes { Access::Manage } else { Access::Follow };
    let store = KeyStore::open(key_store, access).await?;
    match fits(&store, &master, noted).await {
        Ok(()) => Ok(Some(Keyring::new(store, master))),
        Err(refused) => {
            // A copy that is put in its place must find no WAL.
            store.close().await;
            Err(refused)
        }
    }
}

async fn fits(
    store: &KeyStore,
    master: &MasterKey,
    noted: Option<KeyId>,
) -> Result<(), SealingError> {
    if store.has_another_master(master).await? {
        return Err(SealingError::OtherMasterKey);
    }
    match noted {
        Some(_) if store.identity().await? != noted => Err(SealingError::OtherKeys),
        _ => Ok(()),
    }
}

fn is_there(key_store: &str) -> bool {
    // A URL that names no file is refused when it is opened.
    sqlite_file::file_of(key_store).map_or(true, |file| file.exists())
}

/// Whether texts may have been sealed with keys of this store. Without a store, or the right to read its keys, none are known.
async fn has_data_keys(key_store: &str) -> bool {
    let look = async {
        let store = KeyStore::open(key_store, Access::Follow).await?;
        let found = store.has_data_keys().await;
        store.close().await;
        found
    };
    look.await.unwrap_or(false)
}

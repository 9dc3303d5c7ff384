//! Opens the log and the views that the settings name.

use crate::settings::Settings;
use anyhow::Context;
use event_store::EventStore;
use read_model::{ReadModel, ReadModelError};
use std::process::ExitCode;

/// The context of errors when the views cannot be opened.
const VIEWS: &str = "cannot open the views (--data-dir or --read-model)";

/// The log and the views.
#[derive(Debug, Clone)]
pub struct Storage {
    pub log: EventStore,
    pub views: ReadModel,
}

impl Storage {
    /// Opens both; creates and migrates them if needed.
    ///
    /// # Errors
    /// When the folder cannot be created, or a storage cannot be opened.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if settings.uses_data_dir() {
            make_data_dir(settings)?;
        }
        Self::open_with(settings, event_store::Access::ReadWrite, read_model::Access::ReadWrite)
            .await
    }

    /// Opens an existing log for reading and the views for writing: what a rebuild needs.
    ///
    /// # Errors
    /// When there is no log, or a storage cannot be opened.
    pub async fn open_to_rebuild(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, event_store::Access::ReadOnly, read_model::Access::ReadWrite)
            .await
    }

    async fn open_with(
        settings: &Settings,
        log: event_store::Access,
        views: read_model::Access,
    ) -> anyhow::Result<Self> {
        let log = open_log(settings, log).await?;
        let views = ReadModel::open(&settings.read_model(), views).await.context(VIEWS)?;
        Ok(Self { log, views })
    }

    /// Closes both.
    pub async fn close(&self) {
        self.views.close().await;
        self.log.close().await;
    }
}

/// Creates the data folder if it does not exist; only its owner can look into a new one.
///
/// # Errors
/// When it cannot be created.
pub fn make_data_dir(settings: &Settings) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .with_context(|| format!("cannot make the data folder {} (--data-dir)", folder.display()))
}

/// Opens an existing log for reading, even a damaged one.
///
/// # Errors
/// When it does not exist or cannot be opened.
pub async fn open_log_to_read(settings: &Settings) -> anyhow::Result<EventStore> {
    open_log(settings, event_store::Access::Verify).await
}

/// Opens an existing log for writing.
///
/// # Errors
/// When it does not exist or cannot be opened.
pub async fn open_log_to_write(settings: &Settings) -> anyhow::Result<EventStore> {
    refuse_missing_log(settings)?;
    open_log(settings, event_store::Access::ReadWrite).await
}

/// Opens the views for reading; `None` if they do not exist yet.
///
/// # Errors
/// When they cannot be opened.
pub async fn open_views_to_read(settings: &Settings) -> anyhow::Result<Option<ReadModel>> {
    match ReadModel::open(&settings.read_model(), read_model::Access::ReadOnly).await {
        Err(ReadModelError::Missing(_)) => Ok(None),
        opened => opened.map(Some).context(VIEWS),
    }
}

async fn open_log(settings: &Settings, access: event_store::Access) -> anyhow::Result<EventStore> {
    if access != event_store::Access::ReadWrite {
        refuse_missing_log(settings)?;
    }
    let opened = EventStore::open(&settings.event_store(), access).await;
    opened.context("cannot open the log (--data-dir or --event-store)")
}

fn refuse_missing_log(settings: &Settings) -> anyhow::Result<()> {
    if let Ok(file) = sqlite_file::file_of(&settings.event_store())
        && !file.exists()
    {
        anyhow::bail!("there is no log at {} (--data-dir or --event-store)", file.display());
    }
    Ok(())
}

/// `orderlog migrate`: opens both, which creates and migrates them, and ends.
///
/// # Errors
/// As [`Storage::open`].
pub async fn migrate(settings: &Settings) -> anyhow::Result<ExitCode> {
    Storage::open(settings).await?.close().await;
    Ok(ExitCode::SUCCESS)
}

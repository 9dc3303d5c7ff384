//! Opens the log and the views where the settings say they are.

use crate::settings::Settings;
use anyhow::Context;
use event_store::EventStore;
use read_model::ReadModel;
use std::process::ExitCode;

/// Both ends of the pipeline.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The log.
    pub log: EventStore,
    /// The views.
    pub views: ReadModel,
}

impl Storage {
    /// Opens both, making and migrating what is not there yet.
    ///
    /// # Errors
    /// When the folder cannot be made or a storage cannot be opened.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if settings.uses_data_dir() {
            let folder = &settings.data_dir;
            std::fs::create_dir_all(folder).with_context(|| {
                format!("cannot make the data folder {} (--data-dir)", folder.display())
            })?;
        }
        Self::open_with(settings, event_store::Access::ReadWrite, read_model::Access::ReadWrite)
            .await
    }

    /// Opens a log that is there for reading, the views for writing: what a rebuild needs.
    ///
    /// # Errors
    /// When there is no log, or a storage cannot be opened.
    pub async fn open_to_rebuild(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, event_store::Access::ReadOnly, read_model::Access::ReadWrite)
            .await
    }

    /// Opens both for reading, a damaged log too: nothing is made, nothing is migrated.
    ///
    /// # Errors
    /// When one is not there or cannot be opened.
    pub async fn open_to_read(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, event_store::Access::Verify, read_model::Access::ReadOnly).await
    }

    async fn open_with(
        settings: &Settings,
        log: event_store::Access,
        views: read_model::Access,
    ) -> anyhow::Result<Self> {
        let log = EventStore::open(&settings.event_store(), log)
            .await
            .context("cannot open the log (--data-dir or --event-store)")?;
        let views = ReadModel::open(&settings.read_model(), views)
            .await
            .context("cannot open the views (--data-dir or --read-model)")?;
        Ok(Self { log, views })
    }

    /// Closes both.
    pub async fn close(&self) {
        self.views.close().await;
        self.log.close().await;
    }
}

/// `orderlog migrate`: opening makes and migrates what is not there yet; that is all.
///
/// # Errors
/// As [`Storage::open`].
pub async fn migrate(settings: &Settings) -> anyhow::Result<ExitCode> {
    Storage::open(settings).await?.close().await;
    Ok(ExitCode::SUCCESS)
}

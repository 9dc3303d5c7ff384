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
        Self::open_with(settings, event_store::Access::ReadWrite).await
    }

    /// Opens what is there: the log for reading, the views as they are.
    ///
    /// # Errors
    /// When there is nothing, or a storage cannot be opened.
    pub async fn open_existing(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, event_store::Access::ReadOnly).await
    }

    async fn open_with(settings: &Settings, access: event_store::Access) -> anyhow::Result<Self> {
        let log = EventStore::open(&settings.event_store(), access)
            .await
            .context("cannot open the log (--data-dir or --event-store)")?;
        let views = ReadModel::open(&settings.read_model(), read_model::Access::ReadWrite)
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

//! Projections whose rows an older build made: the old rows serve while new tables are filled.

use crate::projection::Projection;
use crate::rebuild::{self, Show};
use crate::source::Source;
use read_model::ReadModel;
use read_model::write::catalog::CatalogEntry;
use std::cmp::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The pause before a rebuild that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The rebuild of outdated projections, in the background.
#[derive(Debug)]
pub(crate) struct Outdated {
    source: Source,
    model: ReadModel,
    shutdown: CancellationToken,
    running: Option<AbortOnDropHandle<()>>,
}

impl Outdated {
    pub(crate) fn new(source: Source, model: ReadModel, shutdown: CancellationToken) -> Self {
        Self { source, model, shutdown, running: None }
    }

    /// Begins to rebuild what is outdated, unless that is under way.
    pub(crate) fn look(&mut self, catalog: &[CatalogEntry]) {
        let mut projections = Vec::new();
        for entry in catalog {
            let Some(projection) = self.source.registry().named(&entry.name) else { continue };
            match entry.version.cmp(&projection.version) {
                Ordering::Less => projections.push(projection),
                Ordering::Equal => {}
                Ordering::Greater => tracing::warn!(
                    projection = entry.name,
                    version = entry.version,
                    "a newer build made these rows; this one leaves them alone"
                ),
            }
        }
        let running = self.running.as_ref().is_some_and(|task| !task.is_finished());
        if projections.is_empty() || running {
            return;
        }
        let (source, model) = (self.source.clone(), self.model.clone());
        let shutdown = self.shutdown.clone();
        self.running = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            rebuild_until_done(&source, &model, &projections, &shutdown).await;
        })));
    }
}

async fn rebuild_until_done(
    source: &Source,
    model: &ReadModel,
    projections: &[&'static Projection],
    shutdown: &CancellationToken,
) {
    while !shutdown.is_cancelled() {
        match rebuild::rebuild(source, model, projections, Show::Log, shutdown).await {
            Ok(_) => return,
            Err(error) => tracing::warn!(%error, "rebuild of outdated projections postponed"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

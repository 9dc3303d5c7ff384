//! Claims rebuilds: creates shadow tables, or takes over those that an earlier run left half filled.

use super::owner::{Owner, is_alive};
use crate::ProjectorError;
use crate::group::Member;
use crate::projection::Pace;
use crate::projection::Projection;
use read_model::ReadModel;
use read_model::write::rebuild::RebuildEntry;
use read_model::write::{Tables, WriteTx};
use server::clock;

/// What this run fills.
#[derive(Debug)]
pub(super) struct Claims {
    pub owner: Vec<u8>,
    pub target: u64,
    claims: Vec<Claim>,
}

#[derive(Debug)]
struct Claim {
    projection: &'static Projection,
    generation: u64,
    position: u64,
}

impl Claims {
    /// Where the pass begins.
    pub(super) fn start(&self) -> u64 {
        self.claims.iter().map(|claim| claim.position).min().unwrap_or(0)
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.claims.iter().map(|claim| claim.projection.name).collect()
    }

    /// The projections at their stored positions, with nothing in memory.
    pub(super) async fn members(
        &mut self,
        model: &ReadModel,
    ) -> Result<Vec<(u64, Member)>, ProjectorError> {
        let rebuilds = model.rebuilds().await?;
        for claim in &mut self.claims {
            let its = rebuilds.iter().find(|rebuild| rebuild.name == claim.projection.name);
            claim.position = its.map_or(claim.position, |rebuild| rebuild.position);
        }
        let mut members = Vec::with_capacity(self.claims.len());
        for claim in &self.claims {
            let tables = Tables::Shadow(claim.generation);
            let member =
                Member::load(claim.projection, claim.generation, tables, Pace::Bulk, model).await?;
            members.push((claim.position, member));
        }
        Ok(members)
    }
}

/// Claims all of these, or none.
pub(super) async fn claim(
    model: &ReadModel,
    projections: &[&'static Projection],
    target: u64,
    owner: &Owner,
) -> Result<Claims, ProjectorError> {
    let now = clock::now().timestamp_micros();
    for projection in projections {
        model.register(projection.name, projection.version, now).await?;
    }
    let owner = owner.bytes();
    let mut tx = model.begin_write().await?;
    let mut claims = Vec::with_capacity(projections.len());
    for projection in projections {
        claims.push(claim_one(&mut tx, projection, target, &owner, now).await?);
    }
    tx.commit(0).await?;
    Ok(Claims { owner, target, claims })
}

async fn claim_one(
    tx: &mut WriteTx,
    projection: &'static Projection,
    target: u64,
    owner: &[u8],
    now: i64,
) -> Result<Claim, ProjectorError> {
    let name = projection.name;
    let catalog = tx.catalog().await?;
    let live = catalog.iter().find(|entry| entry.name == name).ok_or_else(|| {
        ProjectorError::Refused(format!("the projection {name} is not in the catalog"))
    })?;
    let generation = live.generation + 1;
    tx.lock_rebuild(name).await?;
    let left = tx.rebuilds().await?.into_iter().find(|rebuild| rebuild.name == name);
    if let Some(left) = &left
        && is_alive(&left.owner, left.heartbeat_at, now)
    {
        return Err(ProjectorError::Refused(format!(
            "{name} is being rebuilt already, at position {}; wait for it, or stop it first",
            left.position
        )));
    }
    let resumed =
        left.filter(|left| left.generation == generation && left.version == projection.version);
    let position = match resumed {
        Some(left) => left.position,
        None => {
            tx.create_shadow(name, projection.tables, generation).await?;
            0
        }
    };
    tracing::info!(projection = name, generation, position, head = target, "rebuild begins");
    let entry = RebuildEntry {
        name: name.to_owned(),
        version: projection.version,
        generation,
        position,
        owner: owner.to_vec(),
        heartbeat_at: now,
    };
    tx.claim_rebuild(&entry, target).await?;
    Ok(Claim { projection, generation, position })
}

/// Releases the claim, so that any process may go on at once.
pub(super) async fn release(model: &ReadModel, owner: &Owner) -> Result<(), ProjectorError> {
    let mut tx = model.begin_write().await?;
    tx.release_rebuild(&owner.bytes()).await?;
    tx.commit(0).await?;
    Ok(())
}

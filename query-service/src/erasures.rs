//! When the personal data of an order were erased, for views of the past. Erasures stand in the customer's own stream, so the
//! history has them: nothing else needs to be as far as it.

use crate::loaders::Loaders;
use crate::problems;
use domain::Aggregate;
use domain::customer::{self, CustomerAggregate};
use domain::order::{OrderAggregate, OrderEvent};
use quick_cache::sync::Cache;
use read_model::ReadModel;
use read_model::read::Seen;
use read_model::read::past_events::PastEvent;
use read_model::read::version_at::Until;
use server::Problem;
use uuid::Uuid;

/// Orders whose customers are remembered.
const REMEMBERED: usize = 50_000;
/// The last events of a customer's stream among which the last erasure is looked for.
const LAST: u64 = 16;
/// The event that records an erasure.
const ERASED: &str = customer::EVENT_TYPES[0].0;

/// Whose an order is and where it began: its first event says so, which never changes.
#[derive(Debug, Clone, Copy)]
struct Owner {
    stream: Uuid,
    begun: u64,
}

/// The customers of orders, as far as they are remembered.
#[derive(Debug)]
pub(crate) struct Owners(Cache<Uuid, Owner>);

impl Default for Owners {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Owners {
    /// When the personal data of an order were erased last, in microseconds; `None` also for an order that is not there.
    /// The position is the least that the history had applied at any read.
    ///
    /// # Errors
    /// When the read model fails.
    pub(crate) async fn erased_at(
        &self,
        loaders: &Loaders,
        model: &ReadModel,
        order_id: Uuid,
    ) -> Result<Seen<Option<i64>>, Problem> {
        let mut position = u64::MAX;
        let owner = match self.0.get(&order_id) {
            Some(owner) => owner,
            None => {
                let order = (OrderAggregate::STREAM_TYPE, order_id);
                let first = model.past_events(order, 0, 1, 1).await;
                let first = first.map_err(problems::of_read_model)?;
                position = first.position;
                let Some(owner) = first.found.events.first().and_then(owner) else {
                    return Ok(Seen { position, found: None });
                };
                self.0.insert(order_id, owner);
                owner
            }
        };
        let stream = (CustomerAggregate::STREAM_TYPE, owner.stream);
        let last = loaders.version_at(model, stream, Until::Version(u64::MAX)).await;
        let last = last.map_err(problems::of_read_model)?;
        position = position.min(last.position);
        if last.found == 0 {
            return Ok(Seen { position, found: None });
        }
        let after = last.found.saturating_sub(LAST);
        let events = model.stream_events(stream, after, u64::MAX, LAST as usize).await;
        let events = events.map_err(problems::of_read_model)?;
        let erasures = events.found.events.iter().rev().filter(|event| event.event_type == ERASED);
        // Those before it began did not erase anything of it.
        let mut erasures = erasures.filter(|event| event.position > owner.begun);
        let found = erasures.next().map(|event| event.occurred_at);
        Ok(Seen { position: position.min(events.position), found })
    }
}

/// `None` for an event that this build cannot read, or that begins no order.
fn owner(first: &PastEvent) -> Option<Owner> {
    let PastEvent { event_type, schema_version, data, position, .. } = first;
    let event = OrderAggregate::decode(event_type, *schema_version, data.as_bytes()).ok()?;
    match event {
        OrderEvent::OrderDrafted { customer, .. } | OrderEvent::OrderPlaced { customer, .. } => {
            let stream = customer::stream_id(customer.id.as_str());
            Some(Owner { stream, begun: *position })
        }
        _ => None,
    }
}

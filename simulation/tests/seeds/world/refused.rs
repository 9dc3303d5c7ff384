//! The rows that the views' database refused, and the streams whose events may be parked for it.

use oracle::fact::Fact;
use oracle::stream::Stream;
use projector::Projection;
use uuid::Uuid;

/// Rows that the database refused for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub projection: &'static Projection,
    pub whose: Whose,
}

/// What the refused rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Order(Uuid),
    Customer(&'static str),
    Product(&'static str),
}

impl Refused {
    /// Whether an order of this projection may be parked for it.
    pub fn excuses(self, projection: &str, stream: &Stream) -> bool {
        let beginnings = stream.events.iter().filter_map(|event| match &event.fact {
            Fact::Drafted(beginning) | Fact::Begun(beginning) => Some(beginning),
            _ => None,
        });
        let its = match self.whose {
            Whose::Order(order) => stream.id == order,
            Whose::Customer(id) => beginnings.into_iter().any(|begun| begun.customer.id == id),
            Whose::Product(id) => {
                let added = stream.events.iter().filter_map(|event| match &event.fact {
                    Fact::LineAdded(line) => Some(line),
                    _ => None,
                });
                let lines = beginnings.flat_map(|begun| &begun.lines).chain(added);
                lines.into_iter().any(|line| line.product_id == id)
            }
        };
        its && self.projection.name == projection
    }
}

//! The parameters of lists of orders.

use super::{as_of, codes, currency, date_or_time, limit, reference};
use chrono::{DateTime, Utc};
use domain::order::{FulfillmentStatus, PaymentStatus, Status};
use identity::Scope;
use read_model::read::orders::{Direction, OrderFilter, OrderSort, SortKey};
use serde::Deserialize;
use server::{Problem, ProblemCode};
use utoipa::{IntoParams, ToSchema};

/// The id of no customer: no rule for ids allows it.
const NOBODY: &str = "";

/// The most orders on a page.
const MAX_LIMIT: u32 = 200;
/// The orders on a page unless the request says otherwise.
const USUAL_LIMIT: u32 = 50;

/// What lists are sorted by; a minus puts the largest first. Totals only within one `currency`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub enum OrdersSort {
    #[default]
    #[serde(rename = "-placed_at")]
    NewestFirst,
    #[serde(rename = "placed_at")]
    OldestFirst,
    #[serde(rename = "-total")]
    LargestFirst,
    #[serde(rename = "total")]
    SmallestFirst,
}

impl OrdersSort {
    /// Amounts compare in one currency only.
    fn is_by_total(self) -> bool {
        matches!(self, Self::LargestFirst | Self::SmallestFirst)
    }
}

impl From<OrdersSort> for OrderSort {
    fn from(sort: OrdersSort) -> Self {
        let (by, direction) = match sort {
            OrdersSort::NewestFirst => (SortKey::Listed, Direction::Descending),
            OrdersSort::OldestFirst => (SortKey::Listed, Direction::Ascending),
            OrdersSort::LargestFirst => (SortKey::Total, Direction::Descending),
            OrdersSort::SmallestFirst => (SortKey::Total, Direction::Ascending),
        };
        Self { by, direction }
    }
}

/// What a list of orders is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Statuses, parted by commas: draft, placed, confirmed, completed, cancelled, discarded. Drafts and discarded
    /// orders appear only when named; they sort by when they were begun.
    #[param(example = "placed,confirmed")]
    pub status: Option<String>,
    /// Payment statuses, parted by commas: unpaid, partially_paid, paid, overpaid, partially_refunded, refunded.
    #[param(example = "unpaid,partially_paid")]
    pub payment_status: Option<String>,
    /// Fulfilment statuses, parted by commas: unfulfilled, partially_shipped, shipped, partially_delivered, delivered.
    #[param(example = "unfulfilled")]
    pub fulfillment_status: Option<String>,
    /// Orders of this customer.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "c-1")]
    pub customer_id: Option<String>,
    /// Orders that hold this product.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "tea-1")]
    pub product_id: Option<String>,
    /// Orders in this currency; sorting by total needs it.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: Option<String>,
    /// Placed at this date or time, or later.
    #[param(example = "2026-03-01")]
    pub placed_from: Option<String>,
    /// Placed before this date or time.
    #[param(example = "2026-04-01T00:00:00Z")]
    pub placed_to: Option<String>,
    /// The order of the list; `-total` and `total` only with `currency`.
    #[param(inline)]
    pub sort: Option<OrdersSort>,
    /// Orders on a page; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters and sort.
    pub cursor: Option<String>,
    /// List the orders as they stood at this time.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    pub as_of: Option<String>,
}

/// What the list of a customer's orders is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CustomerOrdersQuery {
    /// Statuses, parted by commas: draft, placed, confirmed, completed, cancelled, discarded. Drafts and discarded
    /// orders appear only when named; they sort by when they were begun.
    #[param(example = "placed,confirmed")]
    pub status: Option<String>,
    /// Payment statuses, parted by commas: unpaid, partially_paid, paid, overpaid, partially_refunded, refunded.
    #[param(example = "unpaid,partially_paid")]
    pub payment_status: Option<String>,
    /// Fulfilment statuses, parted by commas: unfulfilled, partially_shipped, shipped, partially_delivered, delivered.
    #[param(example = "unfulfilled")]
    pub fulfillment_status: Option<String>,
    /// Orders that hold this product.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "tea-1")]
    pub product_id: Option<String>,
    /// Orders in this currency; sorting by total needs it.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: Option<String>,
    /// Placed at this date or time, or later.
    #[param(example = "2026-03-01")]
    pub placed_from: Option<String>,
    /// Placed before this date or time.
    #[param(example = "2026-04-01T00:00:00Z")]
    pub placed_to: Option<String>,
    /// The order of the list; `-total` and `total` only with `currency`.
    #[param(inline)]
    pub sort: Option<OrdersSort>,
    /// Orders on a page; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters and sort.
    pub cursor: Option<String>,
    /// List the orders as they stood at this time.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    pub as_of: Option<String>,
}

impl CustomerOrdersQuery {
    /// The same parameters for the list of all orders, with this customer as a filter.
    pub fn of(self, customer_id: String) -> OrdersQuery {
        OrdersQuery {
            status: self.status,
            payment_status: self.payment_status,
            fulfillment_status: self.fulfillment_status,
            customer_id: Some(customer_id),
            product_id: self.product_id,
            currency: self.currency,
            placed_from: self.placed_from,
            placed_to: self.placed_to,
            sort: self.sort,
            limit: self.limit,
            cursor: self.cursor,
            as_of: self.as_of,
        }
    }
}

/// The parameters of a list of orders after parsing.
#[derive(Debug)]
pub struct ListRequest {
    /// Which orders the list has.
    pub filter: OrderFilter,
    /// How the list is sorted.
    pub sort: OrderSort,
    /// Orders on a page.
    pub limit: u32,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// As they stood at this moment, in microseconds.
    pub as_of: Option<i64>,
}

impl ListRequest {
    /// The same list with only what this caller sees. Another customer's list is empty, as that of one who does not exist.
    #[must_use]
    pub fn seen_by(mut self, scope: &Scope) -> Self {
        let Scope::Customer(own) = scope else { return self };
        let own = own.as_deref().unwrap_or(NOBODY);
        let asked = self.filter.customer_id.get_or_insert_with(|| own.to_owned());
        if asked != own {
            NOBODY.clone_into(asked);
        }
        self
    }

    /// Parses the parameters; `now` bounds `as_of`.
    ///
    /// # Errors
    /// 400 for the first that cannot be read.
    pub fn read(query: OrdersQuery, now: DateTime<Utc>) -> Result<Self, Problem> {
        let status = query.status.as_deref();
        let payment = query.payment_status.as_deref();
        let fulfillment = query.fulfillment_status.as_deref();
        let filter = OrderFilter {
            statuses: codes("status", status, Status::ALL.map(|s| (s.as_str(), s.code())))?,
            payment_statuses: codes(
                "payment_status",
                payment,
                PaymentStatus::ALL.map(|s| (s.as_str(), s.code())),
            )?,
            fulfillment_statuses: codes(
                "fulfillment_status",
                fulfillment,
                FulfillmentStatus::ALL.map(|s| (s.as_str(), s.code())),
            )?,
            customer_id: reference("customer_id", query.customer_id)?,
            product_id: reference("product_id", query.product_id)?,
            currency: currency(query.currency)?,
            placed_from: date_or_time("placed_from", query.placed_from.as_deref())?,
            placed_to: date_or_time("placed_to", query.placed_to.as_deref())?,
        };
        let sort = query.sort.unwrap_or_default();
        if sort.is_by_total() && filter.currency.is_none() {
            return Err(Problem::new(ProblemCode::INVALID_PARAMETER)
                .detail("Totals in several currencies have no order: add currency=USD, say, or sort by placed_at.")
                .with("parameter", "currency"));
        }
        Ok(Self {
            filter,
            sort: sort.into(),
            limit: limit(query.limit, USUAL_LIMIT, MAX_LIMIT)?,
            cursor: query.cursor,
            as_of: as_of("as_of", query.as_of.as_deref(), now)?,
        })
    }

    /// What a cursor of this list is bound to.
    pub fn scope(&self, endpoint: &str) -> String {
        format!("{endpoint} {:?} {:?} {:?}", self.filter, self.sort, self.as_of)
    }
}

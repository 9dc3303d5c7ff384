//! What the views answer, for the OpenAPI document: shapes and examples. The views write their JSON themselves, mostly
//! from stored texts; a test holds real answers against these shapes.

#![allow(missing_docs)] // members mean what they mean on the wire

mod events;
mod order;
mod reports;

pub use events::{CloudEvent, Event, Events, History, PatchOperation};
pub use order::{
    Included, Order, OrderCustomer, OrderLine, OrderNote, OrderPayment, OrderRefund, OrderShipment,
    OrderSummary, Orders, ShippedLine, SummaryCustomer,
};
pub use reports::{
    CustomerSummary, FulfillmentCounts, MoneyAmount, PaymentCounts, ProductSummary, Products,
    ProjectionStatus, Rebuild, SalesPeriod, SalesReport, StatusCount, StatusCounts,
};

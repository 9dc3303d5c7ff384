//! Who may call which route, and from which budget: the one table.
//!
//! A route that the table does not list is nobody's but an admin's, so a forgotten line closes a route instead of opening
//! it. What a `customer` sees behind a route is narrowed to its own orders by [`crate::Scope`].

use crate::rates::Work;
use crate::role::{Role, Roles};
use Role::{Admin, Customer, Import, Operator, Staff};
use http::Method;
use std::collections::HashMap;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Open,
    /// Principals with one of these roles.
    Only(Roles),
}

impl Access {
    const fn of(roles: &[Role]) -> Self {
        Self::Only(Roles::of(roles))
    }
}

/// A route and who may call it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// The pattern, as the router writes it.
    pub route: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The budget that a call is taken from.
    pub work: Work,
}

const ANYBODY: Access = Access::Open;
/// Commands by which customers make and change their own orders, and all reads of orders.
const OWN: Access = Access::of(&[Customer, Staff, Admin]);
/// What the shop records: payments, refunds, shipments; figures over all orders.
const SHOP: Access = Access::of(&[Staff, Admin]);
const IMPORTS: Access = Access::of(&[Import, Admin]);
const OPERATION: Access = Access::of(&[Operator, Admin]);
const WATCH: Access = Access::of(&[Staff, Operator, Admin]);
/// Checkpoints and proofs: everybody with a token may check the log. They hold hashes only.
const CHECKED: Access = Access::of(&Role::ALL);
const ADMIN: Access = Access::of(&[Admin]);
/// All that is held about a customer: for that customer and for those who answer its questions.
const SELF: Access = Access::of(&[Customer, Admin]);
/// Routes that the table does not list.
const UNLISTED: Access = Access::of(&[Admin]);

macro_rules! rules {
    ($($method:ident $route:literal $access:ident $work:ident;)+) => {
        &[$(Rule { method: Method::$method, route: $route, access: $access, work: Work::$work }),+]
    };
}

/// The table of the standard routes.
pub const STANDARD: &[Rule] = rules! {
    POST "/v1/orders" OWN Commands;
    POST "/v1/orders/{id}/add-line" OWN Commands;
    POST "/v1/orders/{id}/change-line-quantity" OWN Commands;
    POST "/v1/orders/{id}/remove-line" OWN Commands;
    POST "/v1/orders/{id}/place" OWN Commands;
    POST "/v1/orders/{id}/discard" OWN Commands;
    POST "/v1/orders/{id}/cancel" OWN Commands;
    POST "/v1/orders/{id}/add-note" OWN Commands;
    POST "/v1/orders/{id}/confirm" SHOP Commands;
    POST "/v1/orders/{id}/record-payment" SHOP Commands;
    POST "/v1/orders/{id}/record-refund" SHOP Commands;
    POST "/v1/orders/{id}/ship" SHOP Commands;
    POST "/v1/orders/{id}/deliver" SHOP Commands;
    POST "/v1/customers/{id}/erase" ADMIN Commands;
    POST "/v1/import" IMPORTS Imports;
    GET "/v1/orders" OWN Views;
    GET "/v1/orders/{id}" OWN Views;
    GET "/v1/orders/{id}/history" OWN Views;
    GET "/v1/orders/{id}/diff" OWN Heavy;
    GET "/v1/customers/{id}" OWN Views;
    GET "/v1/customers/{id}/orders" OWN Views;
    GET "/v1/customers/{id}/personal-data" SELF Heavy;
    GET "/v1/events" OWN Heavy;
    GET "/v1/events/stream" OWN Streams;
    GET "/v1/orders/{id}/proof" OWN Heavy;
    GET "/v1/log/checkpoint" CHECKED Views;
    GET "/v1/log/proof" CHECKED Views;
    GET "/v1/log/consistency" CHECKED Views;
    GET "/v1/products" SHOP Views;
    GET "/v1/products/{product_id}" SHOP Views;
    GET "/v1/reports/sales" SHOP Heavy;
    GET "/v1/reports/status-counts" SHOP Heavy;
    GET "/v1/projections" WATCH Views;
    GET "/metrics" OPERATION Free;
    GET "/healthz" ANYBODY Free;
    GET "/readyz" ANYBODY Free;
    GET "/openapi.json" ANYBODY Free;
    GET "/" ANYBODY Free;
    GET "/docs" ANYBODY Free;
    GET "/docs/" ANYBODY Free;
    GET "/docs/{*file}" ANYBODY Free;
};

/// The table of the routes that a server with checkouts has in addition.
pub const CHECKOUT: &[Rule] = rules! {
    POST "/v1/stock/{product_id}/receive" SHOP Commands;
    POST "/v1/stock/{product_id}/adjust" SHOP Commands;
    POST "/v1/stock/{product_id}/return" SHOP Commands;
    POST "/v1/stock/reservations" SHOP Commands;
    POST "/v1/stock/reservations/{id}/firm" SHOP Commands;
    POST "/v1/stock/reservations/{id}/release" SHOP Commands;
    POST "/v1/stock/reservations/{id}/commit" SHOP Commands;
    GET "/v1/stock" SHOP Views;
    GET "/v1/stock/{product_id}" SHOP Views;
    GET "/v1/stock/{product_id}/history" SHOP Views;
    GET "/v1/stock/reservations/{id}" SHOP Views;
    GET "/v1/stock/reservations/{id}/history" SHOP Views;
};

/// The table, ready to be asked for each request.
#[derive(Debug, Clone)]
pub struct Table(HashMap<&'static str, Vec<(Method, Access, Work)>>);

impl Table {
    /// The table of these rules.
    ///
    /// # Panics
    /// When a method of a route has two.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let mut table = HashMap::<&str, Vec<(Method, Access, Work)>>::new();
        for Rule { method, route, access, work } in rules {
            let methods = table.entry(*route).or_default();
            assert!(
                methods.iter().all(|(known, ..)| known != method),
                "two rules for {method} {route}"
            );
            methods.push((method.clone(), *access, *work));
        }
        Self(table)
    }

    /// Who may call a route. A HEAD is a GET. A method that the route lacks is for everybody who may call one of its
    /// methods: the answer is 405.
    pub fn access(&self, method: &Method, route: &str) -> (Access, Work) {
        let Some(methods) = self.0.get(route) else { return (UNLISTED, Work::Views) };
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        let listed = methods.iter().find(|(method, ..)| method == asked);
        listed.map_or_else(|| (widest(methods), Work::Views), |(_, access, work)| (*access, *work))
    }
}

fn widest(methods: &[(Method, Access, Work)]) -> Access {
    methods.iter().fold(UNLISTED, |all, (_, access, _)| match (all, access) {
        (Access::Only(these), Access::Only(those)) => Access::Only(these.or(*those)),
        _ => Access::Open,
    })
}

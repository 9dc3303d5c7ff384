//! How stock is shown: one item, and a product over all of its warehouses.

use super::releases::Releases;
use crate::wire::Moment;
use read_model::read::stock::ItemFigures;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A product in one warehouse, in units.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "product_id": "tea-1", "warehouse": "north", "status": "in_stock", "on_hand": 12, "reserved": 4, "available": 8,
    "committed_total": 30, "version": 41, "updated_at": "2026-03-03T00:00:00.000000Z"}))]
pub(super) struct StockItem<'a> {
    product_id: &'a str,
    warehouse: &'a str,
    /// `in_stock`, `out_of_stock`, or `short`: less is there than is promised.
    status: &'static str,
    /// By the count that is recorded; reserved units are among them.
    #[schema(value_type = u64)]
    on_hand: i64,
    /// Held by open reservations.
    #[schema(value_type = u64)]
    reserved: i64,
    /// `on_hand` − `reserved`; below zero if a count found less than is promised.
    available: i64,
    /// Units that have ever left for customers.
    #[schema(value_type = u64)]
    committed_total: i64,
    /// Of the item, as in `If-Match`.
    version: u64,
    #[schema(value_type = DateTime<Utc>)]
    updated_at: Moment,
    /// Only of an item that is short at present: soft reservations to release, the newest first, at most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Vec<Uuid>, max_items = 20)]
    to_release: Option<&'a [Uuid]>,
}

impl<'a> StockItem<'a> {
    pub(super) fn of(item: &'a ItemFigures, releases: &'a Releases) -> Self {
        Self {
            product_id: &item.product_id,
            warehouse: &item.warehouse,
            status: match item.available {
                ..0 => "short",
                0 => "out_of_stock",
                1.. => "in_stock",
            },
            on_hand: item.on_hand,
            reserved: item.reserved,
            available: item.available,
            committed_total: item.committed_total,
            version: item.version,
            updated_at: Moment(item.updated_at),
            to_release: releases.of_item(item),
        }
    }
}

/// A product over its warehouses, in units: the sums, and each warehouse by itself.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "product_id": "tea-1", "on_hand": 12, "reserved": 4, "available": 8, "committed_total": 30, "items": [{
        "product_id": "tea-1", "warehouse": "north", "status": "in_stock", "on_hand": 12, "reserved": 4,
        "available": 8, "committed_total": 30, "version": 41, "updated_at": "2026-03-03T00:00:00.000000Z"}]}))]
pub(super) struct ProductStock<'a> {
    product_id: &'a str,
    #[schema(value_type = u64)]
    on_hand: i128,
    #[schema(value_type = u64)]
    reserved: i128,
    /// The sum over the warehouses; one that is short takes from it.
    #[schema(value_type = i64)]
    available: i128,
    #[schema(value_type = u64)]
    committed_total: i128,
    /// In the order of the warehouses' ids.
    items: Vec<StockItem<'a>>,
}

impl<'a> ProductStock<'a> {
    pub(super) fn of(
        product_id: &'a str,
        items: &'a [ItemFigures],
        releases: &'a Releases,
    ) -> Self {
        let sum =
            |units: fn(&ItemFigures) -> i64| items.iter().map(|item| i128::from(units(item))).sum();
        Self {
            product_id,
            on_hand: sum(|item| item.on_hand),
            reserved: sum(|item| item.reserved),
            available: sum(|item| item.available),
            committed_total: sum(|item| item.committed_total),
            items: items.iter().map(|item| StockItem::of(item, releases)).collect(),
        }
    }
}

//! What the query service shows at a quiet moment, against the contract's oracle: every order and event, every figure,
//! some of the lists, and one moment of the past.

use crate::commands::{CURRENCIES, CUSTOMERS, PRODUCTS};
use crate::foretold::Foretold;
use crate::judge::Ledger;
use crate::same::same;
use crate::world::{Checked, World};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use oracle::compose::{differences, sorted};
use oracle::fact::{Time, wire};
use oracle::figures::{self, Sales};
use oracle::history::{is_history, is_in_feed};
use oracle::lists::{self, Asked};
use oracle::order::STATUSES;
use query_service::{QueryService, Settings};
use serde_json::{Value, json};
use server::{Limits, Readiness};
use tower::ServiceExt;

/// The longest page of all views but the feed.
const PAGE: u64 = 200;

/// The query service over the views, and what it must show.
struct Window<'a> {
    app: Router,
    foretold: &'a Foretold,
}

pub async fn check(world: &World, ledger: &Ledger, foretold: &Foretold) -> Checked {
    let views = QueryService::new(world.model.clone(), Settings::default(), Readiness::default());
    let (routes, _) = views.routes().split_for_parts();
    let window = Window { app: server::layer(routes, &Limits::default()), foretold };
    window.orders().await?;
    window.events(ledger).await?;
    window.customers_and_products().await?;
    window.figures(None).await?;
    window.lists(None).await?;
    let now = server::clock::now();
    let mut past = foretold.world.moments();
    past.retain(|moment| *moment <= now);
    if let Some(moment) = past.get(past.len() / 2).copied() {
        window.figures(Some(moment)).await?;
        window.lists(Some(moment)).await?;
    }
    Ok(())
}

impl Window<'_> {
    /// The answer at a path; `None` for a 404.
    async fn get(&self, path: &str) -> Checked<Option<Value>> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(format!("{path}: {status} {body}")),
        }
    }

    async fn must(&self, path: &str) -> Checked<Value> {
        self.get(path).await?.ok_or_else(|| format!("{path}: 404"))
    }

    /// Every present order, and one of its earlier versions.
    async fn orders(&self) -> Checked {
        for (id, stream) in &self.foretold.world.0 {
            let now = stream.version();
            self.order(&format!("/v1/orders/{id}"), &stream.document(now)).await?;
            if now > 1 {
                let version = 1 + stream.position() % (now - 1);
                let path = format!("/v1/orders/{id}?version={version}");
                self.order(&path, &stream.document(version)).await?;
            }
        }
        Ok(())
    }

    async fn order(&self, path: &str, expected: &Value) -> Checked {
        let shown = sorted(self.must(path).await?);
        let unlike = differences(expected, &shown);
        unlike.map_or(Ok(()), |unlike| Err(format!("{path}: {unlike}")))
    }

    /// The feed to its end, and each order's own part of it.
    async fn events(&self, ledger: &Ledger) -> Checked {
        let mut feed = Vec::new();
        loop {
            let path = format!("/v1/events?after={}", feed.len());
            let page = self.must(&path).await?;
            let data = page["data"].as_array().cloned().unwrap_or_default();
            feed.extend(data.iter().cloned());
            same(&path, page["next_after"].as_u64(), Some(feed.len() as u64))?;
            same(&path, page["head"].as_u64(), Some(ledger.events.len() as u64))?;
            if data.is_empty() || page["next_after"] == page["head"] {
                break;
            }
        }
        same("events in the feed", feed.len(), ledger.events.len())?;
        for (event, shown) in ledger.events.iter().zip(&feed) {
            let expected = json!([event.event_id, event.event_type, event.position.to_string()]);
            same("an event", &json!([shown["id"], shown["type"], shown["sequence"]]), &expected)?;
        }
        for (id, stream) in &self.foretold.world.0 {
            for known in &stream.events {
                let shown = &feed[usize::try_from(known.position).unwrap() - 1];
                is_in_feed(*id, known, shown)?;
            }
            if !self.foretold.spoilt.contains_key(id) {
                let path = format!("/v1/orders/{id}/history?limit={PAGE}");
                let shown = self.must(&path).await?;
                let first = stream.at(stream.version().min(PAGE));
                is_history(&first, shown["data"].as_array().map_or(&[], Vec::as_slice))?;
            }
        }
        Ok(())
    }

    async fn customers_and_products(&self) -> Checked {
        let all = self.foretold.world.at(None);
        for id in CUSTOMERS {
            let path = format!("/v1/customers/{id}");
            let shown = self.get(&path).await?;
            figures::customer(&all, id, shown.as_ref()).map_err(|why| format!("{path}: {why}"))?;
        }
        for id in PRODUCTS {
            let path = format!("/v1/products/{id}");
            let shown = self.get(&path).await?;
            figures::product(&all, id, shown.as_ref()).map_err(|why| format!("{path}: {why}"))?;
        }
        let by_revenue = CURRENCIES.map(|code| ("-revenue", Some(code)));
        for (sort, currency) in [("-units", None)].into_iter().chain(by_revenue) {
            let named = currency.map(|code| format!("&currency={code}")).unwrap_or_default();
            let path = format!("/v1/products?sort={sort}{named}");
            let rows = self.rows(&path).await?;
            figures::best_sellers(&all, currency, sort, &rows)
                .map_err(|why| format!("{path}: {why}"))?;
        }
        Ok(())
    }

    async fn figures(&self, as_of: Option<Time>) -> Checked {
        let all = self.foretold.world.at(as_of);
        let then = as_of.map(|at| format!("?as_of={}", wire(at))).unwrap_or_default();
        let path = format!("/v1/reports/status-counts{then}");
        let shown = self.must(&path).await?;
        figures::status_counts(&all, &shown).map_err(|why| format!("{path}: {why}"))?;
        for interval in ["day", "month"] {
            let asked = Sales { interval, from: None, to: None, currency: None, as_of };
            let path = format!("/v1/reports/sales?{}", asked.query());
            let shown = self.must(&path).await?;
            figures::sales(&all, &asked, &shown).map_err(|why| format!("{path}: {why}"))?;
        }
        Ok(())
    }

    async fn lists(&self, as_of: Option<Time>) -> Checked {
        let all = self.foretold.world.at(as_of);
        let plain = Asked { sort: "-placed_at", as_of, ..Asked::default() };
        let mut asked = vec![
            Asked { statuses: STATUSES.to_vec(), sort: "placed_at", ..plain.clone() },
            Asked { customer: Some(CUSTOMERS[0].to_owned()), ..plain.clone() },
            Asked { product: Some(PRODUCTS[0].to_owned()), ..plain.clone() },
        ];
        asked.extend(CURRENCIES.map(|code| Asked {
            currency: Some(code.to_owned()),
            sort: "-total",
            ..plain.clone()
        }));
        asked.push(plain);
        for asked in asked {
            let path = format!("/v1/orders?{}", asked.query());
            let rows = self.rows(&path).await?;
            lists::check(&all, &asked, &rows).map_err(|why| format!("{path}: {why}"))?;
        }
        Ok(())
    }

    /// A list that fits one page.
    async fn rows(&self, path: &str) -> Checked<Vec<Value>> {
        let page = self.must(&format!("{path}&limit={PAGE}")).await?;
        match page["data"].as_array() {
            Some(rows) if page["next_cursor"].is_null() => Ok(rows.clone()),
            _ => Err(format!("{path}: expected one page, not {page}")),
        }
    }
}

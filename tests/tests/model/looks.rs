//! What a walker reads after a step: now and then one of its orders, in every form in which views show one.

use crate::answer::{Checked, ensure, json_of, problem, token};
use crate::walker::Walker;
use chrono::{Duration, Utc};
use oracle::compose::{differences, sorted};
use oracle::fact::{Event, Time, wire};
use oracle::history::is_history;
use serde_json::Value;
use system_tests::client::Answer;
use uuid::Uuid;

impl Walker {
    /// Reads an order in one or several ways.
    pub async fn look(&mut self, order: Uuid) -> Checked {
        self.now(order).await?;
        for _ in 0..self.rng.below(3) {
            let way = self.rng.below(7);
            let looked = match way {
                0 => self.unchanged(order).await,
                1 | 2 => self.at_a_version(order).await,
                3 => self.at_a_time(order).await,
                4 => self.at_no_version(order).await,
                5 => self.whole_history(order).await,
                _ => self.difference(order).await,
            };
            looked?;
        }
        Ok(())
    }

    async fn seen(
        &mut self,
        path: &str,
        position: u64,
        headers: &[(&str, &str)],
    ) -> Checked<Answer> {
        self.journal.step(&format!("  GET {path} {headers:?} at {position}"));
        self.door.view_with(path, position, headers).await
    }

    /// Checks every member of the order document.
    async fn now(&mut self, order: Uuid) -> Checked {
        let path = format!("/v1/orders/{order}");
        let (version, position) = (self.streams[&order].version(), self.streams[&order].position());
        let answer = self.seen(&path, position, &[]).await?;
        let expected = self.streams[&order].document(version);
        shows(&path, &answer, &expected)?;
        let token = token(&answer)?;
        ensure(token >= position, || format!("{path}: expected a token ≥ {position}\ngot {token}"))
    }

    /// `If-None-Match`.
    async fn unchanged(&mut self, order: Uuid) -> Checked {
        let path = format!("/v1/orders/{order}");
        let (version, position) = (self.streams[&order].version(), self.streams[&order].position());
        let other = version + 1 + self.rng.below(3);
        let (tag, same) = match self.rng.below(4) {
            0 => (format!("\"{version}\""), true),
            1 => (format!("\"{other}\", \"{version}\""), true),
            2 => (format!("W/\"{version}\""), true),
            _ => (format!("\"{other}\""), false),
        };
        let answer = self.seen(&path, position, &[("If-None-Match", &tag)]).await?;
        if !same {
            return shows(&path, &answer, &self.streams[&order].document(version));
        }
        let right = answer.status == 304 && answer.body.is_empty();
        ensure(right, || {
            format!("{path} If-None-Match {tag}: expected 304\ngot {}", answer.status)
        })?;
        ensure(answer.header("ETag") == Some(&format!("\"{version}\"")), || {
            "expected its ETag".into()
        })
    }

    async fn at_a_version(&mut self, order: Uuid) -> Checked {
        let version = 1 + self.rng.below(self.streams[&order].version());
        let path = format!("/v1/orders/{order}?version={version}");
        let answer = self.seen(&path, self.streams[&order].position(), &[]).await?;
        was(&path, &answer, &self.streams[&order].document(version))
    }

    /// `as_of` and `known_at`: at an event's time, just before it and just after.
    async fn at_a_time(&mut self, order: Uuid) -> Checked {
        let events = self.streams[&order].events.clone();
        let event = self.rng.pick(&events).clone();
        let (parameter, of): (_, fn(&Event) -> Time) = match self.rng.chance(50) {
            true => ("as_of", |event| event.occurred_at),
            false => ("known_at", |event| event.recorded_at),
        };
        let micros = i64::try_from(self.rng.below(3)).expect("small") - 1;
        let moment = of(&event) + Duration::microseconds(micros);
        let path = format!("/v1/orders/{order}?{parameter}={}", wire(moment));
        let position = self.streams[&order].position();
        let answer = self.seen(&path, position, &[]).await?;
        let stream = &self.streams[&order];
        match stream.version_when(|event| of(event) <= moment) {
            0 => problem(&answer, 404, "not-yet-created", &format!("/v1/orders/{order}"))
                .map_err(|why| format!("{path}: {why}\ngot {} {}", answer.status, answer.text())),
            version => was(&path, &answer, &stream.document(version)),
        }
    }

    /// Before the first version, after the last, in the future, of a missing order.
    async fn at_no_version(&mut self, order: Uuid) -> Checked {
        let (version, position) = (self.streams[&order].version(), self.streams[&order].position());
        let future = wire(Utc::now() + Duration::days(1));
        let unknown = self.rng.uuid();
        let (order, query, status, code) = match self.rng.below(8) {
            0 => (order, "?version=0".to_owned(), 400, "invalid-parameter"),
            1 => (order, format!("?version={}", version + 1), 400, "invalid-parameter"),
            2 => (order, format!("?as_of={future}"), 400, "invalid-parameter"),
            3 => (order, format!("?known_at={future}"), 400, "invalid-parameter"),
            4 => (order, "?as_of=1999-01-01T00:00:00Z".to_owned(), 404, "not-yet-created"),
            5 => (unknown, String::new(), 404, "order-not-found"),
            6 => (unknown, "?version=1".to_owned(), 404, "order-not-found"),
            _ => (order, "?colour=red".to_owned(), 400, "unknown-parameter"),
        };
        let path = format!("/v1/orders/{order}");
        let answer = self.seen(&format!("{path}{query}"), position, &[]).await?;
        problem(&answer, status, code, &path)
            .map_err(|why| format!("{path}{query}: {why}\ngot {} {}", answer.status, answer.text()))
    }

    async fn whole_history(&mut self, order: Uuid) -> Checked {
        let position = self.streams[&order].position();
        self.journal.step(&format!("  GET /v1/orders/{order}/history at {position}"));
        let history = self.history(order, position).await?;
        is_history(&self.streams[&order], &history)
    }

    /// Checks that the patch between two versions, applied to one, gives the other.
    async fn difference(&mut self, order: Uuid) -> Checked {
        let last = self.streams[&order].version();
        let (from, to) = (1 + self.rng.below(last), 1 + self.rng.below(last));
        let path = format!("/v1/orders/{order}/diff?from={from}&to={to}");
        let position = self.streams[&order].position();
        let answer = self.seen(&path, position, &[]).await?;
        ensure(answer.status == 200, || format!("{path}: expected 200\ngot {}", answer.text()))?;
        let patch: json_patch::Patch =
            serde_json::from_slice(&answer.body).map_err(|error| format!("{path}: {error}"))?;
        let version = format!("/v1/orders/{order}?version={from}");
        let mut patched = json_of(&self.seen(&version, position, &[]).await?)?;
        json_patch::patch(&mut patched, &patch).map_err(|error| format!("{path}: {error}"))?;
        let stream = &self.streams[&order];
        let unlike = differences(&stream.document(to), &sorted(patched));
        unlike.map_or(Ok(()), |unlike| Err(format!("{path}, applied: {unlike}")))
    }
}

/// Checks the document, and its version as the tag.
fn shows(path: &str, answer: &Answer, expected: &Value) -> Checked {
    ensure(answer.status == 200, || {
        format!("{path}: expected 200\ngot {} {}", answer.status, answer.text())
    })?;
    let got = sorted(json_of(answer)?);
    if let Some(unlike) = differences(expected, &got) {
        return Err(format!("{path}: {unlike}"));
    }
    let tag = format!("\"{}\"", expected["version"]);
    ensure(answer.header("ETag") == Some(&tag), || {
        format!("{path}: expected ETag {tag}\ngot {:?}", answer.header("ETag"))
    })
}

/// As [`shows`], for the past.
fn was(path: &str, answer: &Answer, expected: &Value) -> Checked {
    shows(path, answer, expected)?;
    let memento = answer.header("Memento-Datetime");
    ensure(memento.is_some(), || format!("{path}: expected a Memento-Datetime"))
}

//! The same figures at growing numbers of orders, compared with the smallest number: nothing may slow down faster than
//! log n.

use super::{reads, seed, start};
use crate::audit;
use crate::options::Options;
use crate::orders::drive;
use crate::program::System;
use crate::report::{CaseReport, Figure, Goal, table};

const CLIENTS: usize = 64;

/// The figures at one size, each with its runs.
type Figures = Vec<(&'static str, &'static str, Vec<f64>)>;

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let mut smallest: Option<(u64, Figures)> = None;
    for orders in options.sizes.iter().copied() {
        let figures = at(orders, options).await?;
        for (index, (name, unit, runs)) in figures.iter().enumerate() {
            let name = format!("{name}, {} orders", table::number(orders as f64));
            let mut figure = Figure::new(name, unit, runs);
            if let Some((least, first)) = &smallest {
                let logarithms = (orders.max(2) as f64).ln() / (*least.max(&2) as f64).ln();
                let goal = match *unit {
                    "s" => None,
                    _ => Some(Goal::AtLeast(1.0 / logarithms)),
                };
                figure = figure.compared_with("smallest", &first[index].2, goal);
            }
            if *unit == "s" {
                figure = figure.goal(Goal::AtMost(1.0));
            }
            report.add(figure);
        }
        smallest.get_or_insert((orders, figures));
    }
    Ok(())
}

async fn at(orders: u64, options: &Options) -> anyhow::Result<Figures> {
    let data = seed::orders(options.backend, orders).await?;
    let system = System::start_on(data).await?;
    audit::caught_up_at_last(&system.views, orders).await?;
    let paths = [
        ("GET one order", reads::some_orders(orders)),
        ("GET a list of 50 orders", reads::lists()),
        ("GET an order of 20 events as of then", reads::long_orders(&system, orders).await?),
    ];
    let mut figures = Figures::new();
    for (name, paths) in paths {
        let paths = paths.into();
        let mut rates = Vec::new();
        for _ in 0..options.runs {
            rates.push(reads::read(&system.views, &paths, options.duration()).await?);
        }
        figures.push((name, "requests/s", rates));
    }
    let (mut rates, mut position) = (Vec::new(), orders + reads::LONG_ORDERS_ADD);
    for _ in 0..options.runs {
        let load = drive(&system.commands, CLIENTS, options.duration()).await?;
        (position, _) = audit::check(&system.views, &load, position).await?;
        rates.push(load.rate());
    }
    figures.push(("commands, 64 clients", "commands/s", rates));
    let mut data = system.stop().await?;
    let mut seconds = Vec::new();
    for _ in 0..options.runs {
        let (system, took) = start::ready(data).await?;
        seconds.push(took);
        data = system.stop().await?;
    }
    figures.push(("start to ready", "s", seconds));
    Ok(figures)
}

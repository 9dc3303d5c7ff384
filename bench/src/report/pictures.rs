//! Pictures for the documentation, as SVG: throughput over clients, and the distribution of latencies.

use super::results::Results;
use super::{CaseReport, Curve, Histogram};
use anyhow::anyhow;
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (760, 420);
const FONT: (&str, u32) = ("sans-serif", 15);
const TITLE: (&str, u32) = ("sans-serif", 18);
/// One for each subject; a fourth subject would get the first again.
const COLORS: [RGBColor; 3] = [RGBColor(0, 90, 180), RGBColor(120, 120, 120), RGBColor(200, 80, 0)];

/// Draws the results into `folder`; returns links relative to the folder's parent, with their titles.
///
/// # Errors
/// When a picture cannot be written.
pub fn draw_all(folder: &Path, results: &Results) -> anyhow::Result<Vec<(String, String)>> {
    std::fs::create_dir_all(folder)?;
    let mut drawn = Vec::new();
    for report in &results.cases {
        if !report.curves.is_empty() {
            let title = format!("Five-step orders over clients ({})", report.backend);
            let file = folder.join(format!("throughput-{}.svg", report.backend));
            throughput(&file, &title, &report.curves).map_err(|error| anyhow!("{error}"))?;
            drawn.push((link(&file)?, title));
        }
        if let Some(spread) = &report.histogram {
            let file = folder.join(format!("latency-{}.svg", report.backend));
            let title = title_of(report, spread);
            histogram(&file, &title, spread).map_err(|error| anyhow!("{error}"))?;
            drawn.push((link(&file)?, title));
        }
    }
    Ok(drawn)
}

fn title_of(report: &CaseReport, spread: &Histogram) -> String {
    format!("{} ({})", spread.title, report.backend)
}

fn link(file: &Path) -> anyhow::Result<String> {
    let mut names = file.iter().rev().take(2).filter_map(|name| name.to_str());
    match (names.next(), names.next()) {
        (Some(name), Some(folder)) => Ok(format!("{folder}/{name}")),
        _ => Err(anyhow!("{} is no picture in a folder", file.display())),
    }
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn throughput(file: &Path, title: &str, curves: &[Curve]) -> Drawn {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most_clients = points().map(|(clients, _)| *clients).max().unwrap_or(1).max(2);
    let highest = points().map(|(_, rate)| *rate).fold(10.0, f64::max);
    let lowest = points().map(|(_, rate)| *rate).fold(highest, f64::min).max(1.0);
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, TITLE)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(76)
        .build_cartesian_2d(
            (1_f64..most_clients as f64).log_scale().base(2.0),
            (lowest / 2.0..highest * 2.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("clients")
        .y_desc("commands per second")
        .label_style(FONT)
        .axis_desc_style(FONT)
        .x_label_formatter(&|clients| super::table::number(*clients))
        .y_label_formatter(&|rate| super::table::number(*rate))
        .draw()?;
    for (curve, color) in curves.iter().zip(COLORS.iter().cycle()) {
        let points = || curve.points.iter().map(|(clients, rate)| (*clients as f64, *rate));
        chart
            .draw_series(LineSeries::new(points(), color.stroke_width(2)))?
            .label(curve.subject.clone())
            .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
        chart.draw_series(points().map(|point| Circle::new(point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(COLORS[1])
        .label_font(FONT)
        .draw()?;
    root.present()?;
    Ok(())
}

fn histogram(file: &Path, title: &str, spread: &Histogram) -> Drawn {
    let total: u64 = spread.buckets.iter().map(|(_, count)| count).sum();
    let share = |count: u64| 100.0 * count as f64 / total.max(1) as f64;
    let first = spread.buckets.first().map_or(0.1, |(bound, _)| bound / 2.0);
    let last = spread.buckets.last().map_or(1.0, |(bound, _)| *bound).max(first * 2.0);
    let highest = spread.buckets.iter().map(|(_, count)| share(*count)).fold(1.0, f64::max);
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, TITLE)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(60)
        .build_cartesian_2d((first..last).log_scale(), 0.0..highest * 1.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc("milliseconds from when the command was due to its answer")
        .y_desc("% of commands")
        .label_style(FONT)
        .axis_desc_style(FONT)
        .x_label_formatter(&|bound| super::table::number(*bound))
        .draw()?;
    let lower = std::iter::once(first).chain(spread.buckets.iter().map(|(bound, _)| *bound));
    chart.draw_series(lower.zip(&spread.buckets).map(|(from, (to, count))| {
        Rectangle::new([(from, 0.0), (*to, share(*count))], COLORS[0].filled())
    }))?;
    root.present()?;
    Ok(())
}

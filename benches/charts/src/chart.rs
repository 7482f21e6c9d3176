//! One bar chart: bars that start at 1 on a logarithmic axis, so that twice as fast and half as fast look alike.
//!
//! Nothing is drawn behind the chart, and every colour is of middle lightness: it can be read on white and on black.

use anyhow::{Result, anyhow};
use plotters::{
    coord::ranged1d::AsRangedCoord,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// What is drawn.
pub struct Chart {
    /// Above the chart.
    pub title: String,
    /// What the axis shows.
    pub axis: String,
    /// Below everything: machine and date.
    pub caption: String,
    /// What the bars of a row are, in their order.
    pub legend: Vec<String>,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

/// Bars with a common label.
pub struct Row {
    /// Left of the bars.
    pub label: String,
    /// A bar for each entry of the legend, where there is one.
    pub bars: Vec<Option<Bar>>,
}

/// A value with its spread.
#[derive(Clone, Copy)]
pub struct Bar {
    /// Where the bar ends.
    pub value: f64,
    /// Where the whisker begins.
    pub low: f64,
    /// Where the whisker ends.
    pub high: f64,
}

const WIDTH: u32 = 900;
const MARGIN: u32 = 16;
const HEAD: u32 = 58;
const FOOT: u32 = 78;
/// The column of the values, at the right.
const VALUES: u32 = 60;
const BAR: u32 = 13;
/// Between rows.
const GAP: u32 = 8;
/// About what a letter of a label takes.
const LETTER: u32 = 7;

const FONT: &str = "sans-serif";
const TEXT: RGBColor = RGBColor(118, 131, 144);
/// Of bars, so that whiskers are seen in front of them.
const OPACITY: f64 = 0.6;
const COLOURS: [RGBColor; 6] = [
    RGBColor(47, 129, 247),
    RGBColor(219, 109, 40),
    RGBColor(46, 160, 67),
    RGBColor(163, 113, 247),
    RGBColor(212, 72, 120),
    RGBColor(158, 132, 20),
];

impl Chart {
    /// The chart as SVG.
    pub fn draw(&self) -> Result<String> {
        let mut svg = String::new();
        let bars = self.legend.len().max(1) as u32;
        let row_height = bars * BAR + GAP;
        let body = row_height * self.rows.len() as u32;
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, HEAD + self.legend_height() + body + FOOT));
            let root = root.into_drawing_area();
            self.draw_on(&root, row_height).map_err(|error| anyhow!("cannot draw: {error}"))?;
            root.present().map_err(|error| anyhow!("cannot draw: {error}"))?;
        }
        Ok(svg)
    }

    fn legend_height(&self) -> u32 {
        18 * self.legend.len() as u32
    }

    /// Powers of two around everything that is drawn.
    fn range(&self) -> (i32, i32) {
        let bars = || self.rows.iter().flat_map(|row| &row.bars).flatten();
        let least = bars().map(|bar| bar.low.min(bar.value)).fold(0.75, f64::min);
        let most = bars().map(|bar| bar.high.max(bar.value)).fold(1.3, f64::max);
        (least.log2().floor() as i32, most.log2().ceil() as i32)
    }

    fn draw_on<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, plotters::coord::Shift>,
        row_height: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let text = |size: u32, h, v| (FONT, size).into_font().color(&TEXT).pos(Pos::new(h, v));
        let margin = MARGIN as i32;
        let (title, rest) = self.title.split_once(": ").unwrap_or((&self.title, ""));
        root.draw_text(title, &text(19, HPos::Left, VPos::Top), (margin, 10))?;
        root.draw_text(rest, &text(13, HPos::Left, VPos::Top), (margin, 35))?;
        let mut y = HEAD as i32;
        for (i, name) in self.legend.iter().enumerate() {
            let square = [(margin, y), (margin + 11, y + 11)];
            root.draw(&Rectangle::new(square, colour(i).mix(OPACITY).filled()))?;
            root.draw_text(name, &text(13, HPos::Left, VPos::Center), (margin + 18, y + 6))?;
            y += 18;
        }
        let labels = self.rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0) as u32;
        let left = (MARGIN + labels * LETTER + 10) as i32;
        let (bottom, right) = (y + (row_height as usize * self.rows.len()) as i32, (WIDTH - VALUES) as i32);
        let plot = Plot::new(self.range(), left..right);
        plot.draw_axis(root, y..bottom)?;
        for (i, row) in self.rows.iter().enumerate() {
            let top = y + i as i32 * row_height as i32;
            let middle = top + row_height as i32 / 2;
            root.draw_text(&row.label, &text(13, HPos::Right, VPos::Center), (left - 8, middle))?;
            for (j, bar) in row.bars.iter().enumerate() {
                if let Some(bar) = bar {
                    plot.draw_bar(root, bar, colour(j), top + (GAP / 2 + j as u32 * BAR) as i32)?;
                }
            }
        }
        root.draw_text(&self.axis, &text(13, HPos::Left, VPos::Top), (margin, bottom + 32))?;
        root.draw_text(&self.caption, &text(12, HPos::Left, VPos::Top), (margin, bottom + 53))
    }
}

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// The part of the chart with an axis.
struct Plot {
    exponents: (i32, i32),
    axis: <std::ops::Range<f64> as AsRangedCoord>::CoordDescType,
    pixels: std::ops::Range<i32>,
}

impl Plot {
    fn new(exponents: (i32, i32), pixels: std::ops::Range<i32>) -> Self {
        Self { exponents, axis: (f64::from(exponents.0)..f64::from(exponents.1)).into(), pixels }
    }

    /// Where a ratio is.
    fn x(&self, ratio: f64) -> i32 {
        self.axis.map(&ratio.log2(), (self.pixels.start, self.pixels.end))
    }

    /// Lines at powers of two with their numbers below, a strong one at 1.
    fn draw_axis<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, plotters::coord::Shift>,
        y: std::ops::Range<i32>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let style = (FONT, 12).into_font().color(&TEXT).pos(Pos::new(HPos::Center, VPos::Top));
        // With many of them, every second one, or every fourth.
        let step = (self.exponents.1 - self.exponents.0) / 10 + 1;
        for exponent in self.exponents.0..=self.exponents.1 {
            if exponent % step != 0 {
                continue;
            }
            let x = self.x(f64::from(exponent).exp2());
            let line = if exponent == 0 { TEXT.stroke_width(2) } else { TEXT.mix(0.3).stroke_width(1) };
            root.draw(&PathElement::new([(x, y.start), (x, y.end + 4)], line))?;
            let ratio = f64::from(exponent).exp2();
            root.draw_text(&format!("{ratio}"), &style, (x, y.end + 8))?;
        }
        Ok(())
    }

    /// A bar from 1 with its whisker, and its value at the right.
    fn draw_bar<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, plotters::coord::Shift>,
        bar: &Bar,
        colour: RGBColor,
        top: i32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let height = BAR as i32 - 2;
        let middle = top + height / 2;
        let corners = [(self.x(1.0), top), (self.x(bar.value), top + height)];
        root.draw(&Rectangle::new(corners, colour.mix(OPACITY).filled()))?;
        let [low, high] = [self.x(bar.low), self.x(bar.high)];
        for path in [
            [(low, middle), (high, middle)],
            [(low, middle - 3), (low, middle + 3)],
            [(high, middle - 3), (high, middle + 3)],
        ] {
            root.draw(&PathElement::new(path, TEXT.stroke_width(1)))?;
        }
        let style = (FONT, 12).into_font().color(&colour).pos(Pos::new(HPos::Right, VPos::Center));
        let digits = if bar.value < 9.95 { 2 } else { 1 };
        let value = format!("{:.digits$}", bar.value);
        root.draw_text(&value, &style, ((WIDTH - MARGIN) as i32, middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let bar = |value| Some(Bar { value, low: value * 0.9, high: value * 1.2 });
        Chart {
            title: "a set: what it is".to_owned(),
            axis: "time as a ratio".to_owned(),
            caption: "a machine; 2026-11-28".to_owned(),
            legend: vec!["one & only".to_owned(), "other".to_owned()],
            rows: vec![
                Row { label: "first <case>".to_owned(), bars: vec![bar(0.3), bar(2.5)] },
                Row { label: "second".to_owned(), bars: vec![bar(1.0), None] },
            ],
        }
    }

    #[test]
    fn everything_is_in_the_picture() {
        let svg = chart().draw().unwrap();
        for text in
            ["a set", "what it is", "time as a ratio", "a machine; 2026-11-28", "0.30", "2.50", "second"]
        {
            assert!(svg.contains(text), "{text}");
        }
        assert!(svg.contains("first &lt;case&gt;") && svg.contains("one &amp; only"));
        // Three bars, and two squares in the legend.
        assert_eq!(svg.matches("<rect").count(), 5);
    }

    #[test]
    fn the_axis_reaches_around_all_whiskers() {
        // 0.27 to 3.0: from a quarter to four.
        assert_eq!(chart().range(), (-2, 2));
        let plot = Plot::new((-2, 2), 100..500);
        assert_eq!([0.25, 0.5, 1.0, 4.0].map(|ratio| plot.x(ratio)), [100, 200, 300, 500]);
    }
}

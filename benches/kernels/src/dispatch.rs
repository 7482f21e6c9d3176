//! Indirect calls as object-oriented code makes them: a list of trait objects of six kinds.

use crate::random::Random;
use alloc::{boxed::Box, vec::Vec};

trait Shape {
    fn area(&self) -> i64;
    fn scale(&mut self, factor: i64);
    fn sides(&self) -> i64;
}

struct Square(i64);
struct Rectangle(i64, i64);
struct Triangle {
    base: i64,
    height: i64,
}
struct Hexagon(i64);
struct Circle {
    radius: i64,
}
struct Point;

/// Keeps sizes in a range in which no product overflows.
fn scaled(length: i64, factor: i64) -> i64 {
    (length * factor + 1) & 0xffff
}

impl Shape for Square {
    fn area(&self) -> i64 {
        self.0 * self.0
    }
    fn scale(&mut self, factor: i64) {
        self.0 = scaled(self.0, factor);
    }
    fn sides(&self) -> i64 {
        4
    }
}

impl Shape for Rectangle {
    fn area(&self) -> i64 {
        self.0 * self.1
    }
    fn scale(&mut self, factor: i64) {
        self.0 = scaled(self.0, factor);
        self.1 = scaled(self.1, factor + 1);
    }
    fn sides(&self) -> i64 {
        if self.0 == self.1 { 1 } else { 2 }
    }
}

impl Shape for Triangle {
    fn area(&self) -> i64 {
        self.base * self.height / 2
    }
    fn scale(&mut self, factor: i64) {
        self.height = scaled(self.height, factor);
    }
    fn sides(&self) -> i64 {
        3
    }
}

impl Shape for Hexagon {
    fn area(&self) -> i64 {
        self.0 * self.0 * 2598 / 1000
    }
    fn scale(&mut self, factor: i64) {
        self.0 = scaled(self.0, factor ^ 1);
    }
    fn sides(&self) -> i64 {
        6
    }
}

impl Shape for Circle {
    fn area(&self) -> i64 {
        self.radius * self.radius * 355 / 113
    }
    fn scale(&mut self, factor: i64) {
        self.radius = scaled(self.radius, factor + 2);
    }
    fn sides(&self) -> i64 {
        i64::MAX
    }
}

impl Shape for Point {
    fn area(&self) -> i64 {
        0
    }
    fn scale(&mut self, _: i64) {}
    fn sides(&self) -> i64 {
        0
    }
}

/// Walks `n` times over 512 shapes in random order.
pub fn run(n: i32) -> i64 {
    let mut random = Random::new(11);
    let mut shapes: Vec<Box<dyn Shape>> = Vec::new();
    for _ in 0..512 {
        let size = i64::from(random.below(1000));
        shapes.push(match random.below(6) {
            0 => Box::new(Square(size)),
            1 => Box::new(Rectangle(size, size + 3)),
            2 => Box::new(Triangle { base: size, height: 2 * size }),
            3 => Box::new(Hexagon(size)),
            4 => Box::new(Circle { radius: size }),
            _ => Box::new(Point),
        });
    }
    let mut sum = 0_i64;
    for round in 0..i64::from(n) {
        for shape in &mut shapes {
            sum = sum.wrapping_mul(3).wrapping_add(shape.area() ^ shape.sides());
            shape.scale(round & 7);
        }
    }
    sum
}

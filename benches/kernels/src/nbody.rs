//! Gravity among five bodies: double-precision arithmetic with square roots and divisions.

#[derive(Clone, Copy)]
struct Body {
    position: [f64; 3],
    velocity: [f64; 3],
    mass: f64,
}

/// Made-up bodies: a heavy one in the middle, four around it.
const BODIES: [Body; 5] = [
    Body { position: [0.0, 0.0, 0.0], velocity: [0.0, 0.0, 0.0], mass: 40.0 },
    Body { position: [5.0, 0.5, -0.1], velocity: [0.2, 2.7, 0.1], mass: 0.04 },
    Body { position: [-8.0, 4.0, 0.4], velocity: [-1.0, -1.8, 0.05], mass: 0.012 },
    Body { position: [12.0, -9.0, -0.2], velocity: [1.1, 1.3, -0.02], mass: 0.002 },
    Body { position: [-3.0, -15.0, 0.6], velocity: [1.6, -0.3, 0.03], mass: 0.003 },
];

fn sqrt(value: f64) -> f64 {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::f64_sqrt(value);
    #[cfg(not(target_arch = "wasm32"))]
    return value.sqrt();
}

fn advance(bodies: &mut [Body; 5], dt: f64) {
    for i in 0..bodies.len() {
        let (heads, tails) = bodies.split_at_mut(i + 1);
        let body = &mut heads[i];
        for other in tails {
            let delta: [f64; 3] = core::array::from_fn(|axis| body.position[axis] - other.position[axis]);
            let square = delta.iter().fold(0.01, |sum, distance| sum + distance * distance);
            let pull = dt / (square * sqrt(square));
            for (axis, distance) in delta.into_iter().enumerate() {
                body.velocity[axis] -= distance * other.mass * pull;
                other.velocity[axis] += distance * body.mass * pull;
            }
        }
    }
    for body in bodies {
        for axis in 0..3 {
            body.position[axis] += dt * body.velocity[axis];
        }
    }
}

/// Advances the system by `n` steps.
pub fn run(n: i32) -> i64 {
    let mut bodies = BODIES;
    for _ in 0..n {
        advance(&mut bodies, 0.002);
    }
    let numbers = bodies.iter().flat_map(|body| body.position.into_iter().chain(body.velocity));
    numbers.fold(0_u64, |sum, number| sum.rotate_left(7) ^ number.to_bits()) as i64
}

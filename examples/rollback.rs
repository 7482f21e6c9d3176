//! Rollback netcode: two peers play a game over a slow network, and notice when they no longer agree.
//!
//! Each peer has the whole game, a WebAssembly module that knows nothing of networks, and plays on at once with what it
//! guesses of the other's input. When an input arrives that was guessed wrong, the peer goes back to that tick
//! ([`History::rollback`]) and plays the ticks since then again. Peers send each other the hash of a state that both
//! know all inputs of ([`Snapshot::state_hash`]). One of them has a function of the host that is not deterministic: the
//! hash finds the tick, and comparing snapshots the bytes.
//!
//! `cargo run --release -p rotifer --example rollback`, or `cargo test --example rollback`.

use rotifer::{
    Caller, Config, Engine, Error, History, HistoryConfig, Instance, Linker, Module, Snapshot, StateHash,
    Store, TypedFunc,
};
use std::collections::{BTreeMap, VecDeque};

/// Two players push 4096 particles about. Positions are 32-bit numbers, four for each particle: where it is and how fast.
const GAME: &str = r#"(module
    (import "world" "wind" (func $wind (result i32)))
    (memory (export "memory") 1)
    (global $seed (mut i32) (i32.const 1))
    (func $random (result i32)
        (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
        (i32.shr_u (global.get $seed) (i32.const 8)))
    (func (export "start") (local $at i32)
        (loop $next
            (i32.store (local.get $at) (call $random))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 0x10000)))))
    ;; Both inputs move some particles, chosen by the game's own random numbers.
    (func (export "step") (param $inputs i32) (local $count i32) (local $at i32)
        (local.set $count (i32.const 40))
        (loop $next
            (local.set $at (i32.shl (i32.and (call $random) (i32.const 0xFFF)) (i32.const 4)))
            (i32.store offset=8 (local.get $at)
                (i32.add (i32.load offset=8 (local.get $at)) (i32.mul (local.get $inputs) (local.get $count))))
            (i32.store (local.get $at)
                (i32.add (i32.load (local.get $at)) (i32.load offset=8 (local.get $at))))
            (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (i32.store offset=12 (i32.const 0) (i32.add (i32.load offset=12 (i32.const 0)) (call $wind))))
    )"#;

/// How many ticks a message takes.
const DELAY: usize = 6;

/// What one peer tells the other each tick.
#[derive(Clone, Copy)]
struct Message {
    tick: u64,
    input: u8,
    /// A tick before which the sender knows all inputs, and the hash of its state then.
    agreed: Option<(u64, StateHash)>,
}

/// A player's side of the game.
struct Peer {
    store: Store<u64>,
    instance: Instance,
    step: TypedFunc<i32, ()>,
    history: History,
    /// Which player it is.
    player: usize,
    /// The tick that comes next.
    now: u64,
    /// The inputs of both players, as far as they are known.
    inputs: [BTreeMap<u64, u8>; 2],
    /// The inputs that were played.
    played: BTreeMap<u64, [u8; 2]>,
    rollbacks: u64,
    replayed: u64,
}

impl Peer {
    /// A peer. In the tick `broken` its wind blows another way than the other's.
    fn new(module: &Module, player: usize, broken: Option<u64>) -> Result<Self, Error> {
        let mut store = Store::new(module.engine(), 0);
        let mut linker = Linker::new(module.engine());
        linker.func_wrap("world", "wind", move |caller: Caller<'_, u64>| {
            i32::from(broken == Some(*caller.data()))
        })?;
        let instance = linker.instantiate_and_start(&mut store, module)?;
        instance.get_typed_func::<(), ()>(&store, "start")?.call(&mut store, ())?;
        let step = instance.get_typed_func(&store, "step")?;
        // As far back as messages can reach: what was sent before the last that arrived.
        let history = History::new(HistoryConfig { dense: 2 * DELAY + 2, ..HistoryConfig::default() });
        Ok(Self {
            store,
            instance,
            step,
            history,
            player,
            now: 0,
            inputs: Default::default(),
            played: BTreeMap::new(),
            rollbacks: 0,
            replayed: 0,
        })
    }

    /// The inputs of a tick; what is not known is what the player did last.
    fn guess(&self, tick: u64) -> [u8; 2] {
        let input =
            |inputs: &BTreeMap<u64, u8>| inputs.range(..=tick).next_back().map_or(0, |(_, &input)| input);
        [input(&self.inputs[0]), input(&self.inputs[1])]
    }

    /// Plays the next tick.
    fn play(&mut self) -> Result<(), Error> {
        let inputs = self.guess(self.now);
        self.history.record(&mut self.store, self.instance, self.now)?;
        *self.store.data_mut() = self.now;
        self.step.call(&mut self.store, i32::from(inputs[0]) | i32::from(inputs[1]) << 8)?;
        self.played.insert(self.now, inputs);
        self.now += 1;
        Ok(())
    }

    /// Takes note of the other's input. If it was guessed wrong, what came after it is played again.
    fn receive(&mut self, message: Message) -> Result<(), Error> {
        self.inputs[1 - self.player].insert(message.tick, message.input);
        let tick = message.tick;
        if self.played.get(&tick).is_none_or(|played| *played == self.guess(tick)) {
            return Ok(());
        }
        self.history.rollback(&mut self.store, self.instance, tick)?;
        let now = self.now;
        self.now = tick;
        while self.now < now {
            self.play()?;
            self.replayed += 1;
        }
        self.rollbacks += 1;
        Ok(())
    }

    /// The state before a tick.
    fn state(&self, tick: u64) -> Result<Snapshot, Error> {
        Ok(self.history.get(tick)?)
    }

    /// The last tick before which all inputs are known, and the hash of the state then.
    fn agreed(&self) -> Result<Option<(u64, StateHash)>, Error> {
        let Some((&tick, _)) = self.inputs[1 - self.player].last_key_value() else { return Ok(None) };
        Ok(Some((tick, self.state(tick)?.state_hash())))
    }

    /// The message about the tick that comes next, whose input is decided now.
    fn message(&mut self) -> Result<Message, Error> {
        let tick = self.now;
        // A player who changes his mind now and then.
        let input = (tick / 7 * (3 + self.player as u64) % 5) as u8;
        self.inputs[self.player].insert(tick, input);
        Ok(Message { tick, input, agreed: self.agreed()? })
    }
}

/// What became of a game.
struct Outcome {
    /// The tick before which the peers' states differ for the first time, as far as they know, and the bytes in which they
    /// do.
    diverged: Option<(u64, usize)>,
    rollbacks: u64,
    replayed: u64,
}

/// Plays so many ticks, or until the peers disagree.
fn game(ticks: u64, broken: Option<u64>) -> Result<Outcome, Error> {
    let engine = Engine::new(Config::new().track_writes(true));
    let module = Module::new(&engine, wat::parse_str(GAME).expect("the game is well-formed"))?;
    let mut peers = [Peer::new(&module, 0, None)?, Peer::new(&module, 1, broken)?];
    // From the first to the second, and back.
    let mut wires = [VecDeque::new(), VecDeque::new()];
    let mut diverged = None;
    while peers[0].now < ticks && diverged.is_none() {
        for (peer, wire) in peers.iter_mut().zip(&mut wires) {
            wire.push_back(peer.message()?);
            peer.play()?;
        }
        for (receiver, wire) in [(1, 0), (0, 1)] {
            if wires[wire].len() <= DELAY {
                continue;
            }
            let Some(message) = wires[wire].pop_front() else { continue };
            peers[receiver].receive(message)?;
            // The receiver knows even more inputs than the sender did, and still has the state.
            if let Some((tick, hash)) = message.agreed
                && peers[receiver].state(tick)?.state_hash() != hash
            {
                let states = [peers[0].state(tick)?, peers[1].state(tick)?];
                let bytes = states[0].diff(&states[1]).iter().map(|differing| differing.range.len()).sum();
                diverged = Some((tick, bytes));
                break;
            }
        }
    }
    let [first, second] = peers;
    Ok(Outcome {
        diverged,
        rollbacks: first.rollbacks + second.rollbacks,
        replayed: first.replayed + second.replayed,
    })
}

fn main() -> Result<(), Error> {
    for broken in [None, Some(200)] {
        let outcome = game(600, broken)?;
        println!("{} rollbacks, {} ticks played again", outcome.rollbacks, outcome.replayed);
        match outcome.diverged {
            Some((tick, bytes)) => println!("the peers disagree before tick {tick}, about {bytes} bytes"),
            None => println!("the peers agree to the end"),
        }
    }
    Ok(())
}

#[test]
fn peers_agree_unless_one_is_broken() -> Result<(), Error> {
    let outcome = game(300, None)?;
    assert_eq!(outcome.diverged, None);
    assert!(outcome.rollbacks > 20 && outcome.replayed > 5 * outcome.rollbacks);
    // A word of eight bytes differs from the tick after the broken one on.
    assert_eq!(game(300, Some(200))?.diverged, Some((201, 8)));
    Ok(())
}

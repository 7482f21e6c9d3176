//! `poll_oneoff`: waiting for clocks and descriptors.
//!
//! Every descriptor is ready at once. Those of files are by nature; for the standard streams there is no portable
//! way to know, and a guest that then reads waits there instead.

use crate::{
    Errno, WasiCtx,
    clock::Clocks,
    descriptor::Descriptor,
    failure::{Failure, GuestFault, Outcome},
    flags::{ClockFlags, ClockId, flags},
    guest::{Guest, Snapshot},
};
use std::{io::Seek, time::Duration};

/// The number of the events, also of the subscriptions to them.
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;

const EVENT_SIZE: u32 = 32;

const fn subscription_size(snapshot: Snapshot) -> u32 {
    match snapshot {
        Snapshot::Preview1 => 48,
        Snapshot::Unstable => 56,
    }
}

/// Something happened to a subscription.
struct Event {
    userdata: u64,
    error: Errno,
    kind: u8,
    /// How many bytes can be read.
    readable: u64,
}

impl Event {
    fn write(&self, guest: &mut Guest<'_>, pointer: u32) -> Result<(), GuestFault> {
        let mut event = [0; EVENT_SIZE as usize];
        event[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        event[8..10].copy_from_slice(&(self.error as u16).to_le_bytes());
        event[10] = self.kind;
        event[16..24].copy_from_slice(&self.readable.to_le_bytes());
        guest.set_struct(pointer, &event)
    }
}

/// What a guest waits for.
enum Subscription {
    /// This is to be reported now.
    Ready(Event),
    /// A clock, until it shows this time.
    Clock { userdata: u64, clock: ClockId, deadline: Duration },
}

/// The arguments of `poll_oneoff`.
///
/// The subscriptions lie in the guest's memory and are gone through twice, so that nothing needs to be kept: how long
/// must be waited, and what has happened then. A guest that has the events written over the subscriptions confuses
/// only itself.
pub(crate) struct Poll {
    pub(crate) subscriptions: u32,
    pub(crate) events: u32,
    pub(crate) count: u32,
    pub(crate) result: u32,
}

/// How long a guest waits.
pub(crate) struct Wait {
    /// Both clocks stand still meanwhile: deadlines that are relative start at one time.
    start: Start,
    duration: Duration,
}

impl Poll {
    fn subscription(&self, guest: &Guest<'_>, number: u32) -> u32 {
        self.subscriptions + number * subscription_size(guest.snapshot())
    }

    /// How long must be waited until something happens.
    pub(crate) fn begin(&self, ctx: &WasiCtx, guest: &Guest<'_>) -> Outcome<Wait> {
        if self.count == 0 {
            return Err(Errno::Inval.into());
        }
        guest.check_array(self.subscriptions, self.count, subscription_size(guest.snapshot()), 8)?;
        guest.check_array(self.events, self.count, EVENT_SIZE, 8)?;
        let start = Start::new(&ctx.clocks);
        let mut duration = Duration::MAX;
        for number in 0..self.count {
            let pointer = self.subscription(guest, number);
            duration = duration.min(match Subscription::read(ctx, guest, pointer, &start)? {
                Subscription::Ready(_) => Duration::ZERO,
                Subscription::Clock { clock, deadline, .. } => deadline.saturating_sub(start.time(clock)),
            });
        }
        Ok(Wait { start, duration })
    }

    /// What has happened after a wait.
    pub(crate) fn finish(&self, ctx: &WasiCtx, guest: &mut Guest<'_>, wait: &Wait) -> Outcome {
        let mut happened = 0;
        for number in 0..self.count {
            let pointer = self.subscription(guest, number);
            let event = match Subscription::read(ctx, guest, pointer, &wait.start)? {
                Subscription::Ready(event) => event,
                Subscription::Clock { userdata, clock, deadline } => {
                    if deadline.saturating_sub(wait.start.time(clock)) > wait.duration {
                        continue;
                    }
                    Event { userdata, error: Errno::Success, kind: CLOCK, readable: 0 }
                }
            };
            event.write(guest, self.events + happened * EVENT_SIZE)?;
            happened += 1;
        }
        Ok(guest.set_u32(self.result, happened)?)
    }
}

impl Wait {
    /// How long.
    pub(crate) fn duration(&self) -> Duration {
        self.duration
    }
}

/// The times at the beginning.
struct Start {
    realtime: Duration,
    monotonic: Duration,
}

impl Start {
    fn new(clocks: &Clocks) -> Self {
        Self { realtime: clocks.now(ClockId::Realtime), monotonic: clocks.now(ClockId::Monotonic) }
    }

    fn time(&self, clock: ClockId) -> Duration {
        match clock {
            ClockId::Realtime => self.realtime,
            ClockId::Monotonic => self.monotonic,
        }
    }
}

impl Subscription {
    fn read(ctx: &WasiCtx, guest: &Guest<'_>, pointer: u32, start: &Start) -> Outcome<Self> {
        let userdata = guest.u64(pointer)?;
        let kind = guest.u8(pointer + 8)?;
        let subscribed = match kind {
            CLOCK => clock_deadline(guest, pointer, start).map(|(clock, deadline)| Self::Clock {
                userdata,
                clock,
                deadline,
            }),
            FD_READ | FD_WRITE => {
                let fd = guest.u32(pointer + 16)?;
                readiness(ctx, fd, kind)
                    .map(|readable| Self::Ready(Event { userdata, error: Errno::Success, kind, readable }))
            }
            _ => return Err(Errno::Inval.into()),
        };
        match subscribed {
            // An error concerns one subscription: `poll` of `wasi-libc` finds closed descriptors in this way.
            Err(Failure::Errno(error)) => Ok(Self::Ready(Event { userdata, error, kind, readable: 0 })),
            subscribed => subscribed,
        }
    }
}

/// The clock of a subscription and the time that it shall show.
fn clock_deadline(guest: &Guest<'_>, pointer: u32, start: &Start) -> Outcome<(ClockId, Duration)> {
    // The first version had an identifier before everything else.
    let clock = match guest.snapshot() {
        Snapshot::Preview1 => pointer + 16,
        Snapshot::Unstable => pointer + 24,
    };
    let id = ClockId::new(guest.u32(clock)?)?;
    let timeout = Duration::from_nanos(guest.u64(clock + 8)?);
    let options: ClockFlags = flags(guest.u16(clock + 24)?.into())?;
    let is_absolute = options.contains(ClockFlags::ABSOLUTE);
    Ok((id, if is_absolute { timeout } else { start.time(id).saturating_add(timeout) }))
}

/// How many bytes can be read from a descriptor that a guest waits for; 1 if it is not known.
fn readiness(ctx: &WasiCtx, fd: u32, kind: u8) -> Outcome<u64> {
    match (ctx.descriptors.get(fd)?, kind) {
        (Descriptor::Input(_), FD_READ) => Ok(1),
        (Descriptor::Output(_), FD_WRITE) => Ok(0),
        (Descriptor::File(open), FD_READ) => {
            let mut file = open.readable()?;
            Ok(file.metadata()?.len().saturating_sub(file.stream_position()?))
        }
        (Descriptor::File(open), _) => open.writable().map(|_| 0),
        _ => Err(Errno::Badf.into()),
    }
}

//! [`Errno`]: the error codes of WASI, in one table, and what becomes of the host's errors.

use std::{fmt, io};

macro_rules! errnos {
    ($( $name:ident = $number:literal, $text:literal $(, unix $host:ident)?; )*) => {
        /// An error code of WASI.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u16)]
        pub enum Errno {$(
            #[doc = concat!($text, ".")]
            $name = $number,
        )*}

        impl Errno {
            /// All error codes, by number.
            pub const ALL: &[Self] = &[$( Self::$name ),*];

            /// What it means.
            pub const fn text(self) -> &'static str {
                match self {$( Self::$name => $text, )*}
            }
        }

        /// The error numbers that every Unix has, with their counterparts. Some have one number for two names: the
        /// first row counts.
        #[cfg(unix)]
        const UNIX: &[(rustix::io::Errno, Errno)] = &[$( $( (rustix::io::Errno::$host, Errno::$name), )? )*];
    };
}

errnos! {
    Success = 0, "no error";
    TooBig = 1, "the argument list is too long", unix TOOBIG;
    Acces = 2, "permission denied", unix ACCESS;
    Addrinuse = 3, "the address is in use", unix ADDRINUSE;
    Addrnotavail = 4, "the address is not available", unix ADDRNOTAVAIL;
    Afnosupport = 5, "the address family is not supported", unix AFNOSUPPORT;
    Again = 6, "the resource is unavailable, or the operation would block", unix AGAIN;
    Already = 7, "the connection is being made already", unix ALREADY;
    Badf = 8, "bad file descriptor", unix BADF;
    Badmsg = 9, "bad message", unix BADMSG;
    Busy = 10, "the device or resource is busy", unix BUSY;
    Canceled = 11, "the operation was cancelled", unix CANCELED;
    Child = 12, "there are no child processes", unix CHILD;
    Connaborted = 13, "the connection was aborted", unix CONNABORTED;
    Connrefused = 14, "the connection was refused", unix CONNREFUSED;
    Connreset = 15, "the connection was reset", unix CONNRESET;
    Deadlk = 16, "the resource would deadlock", unix DEADLK;
    Destaddrreq = 17, "a destination address is required", unix DESTADDRREQ;
    Dom = 18, "an argument is out of the function's domain", unix DOM;
    Dquot = 19, "the quota is used up", unix DQUOT;
    Exist = 20, "the file exists", unix EXIST;
    Fault = 21, "bad address", unix FAULT;
    Fbig = 22, "the file is too large", unix FBIG;
    Hostunreach = 23, "the host is unreachable", unix HOSTUNREACH;
    Idrm = 24, "the identifier was removed", unix IDRM;
    Ilseq = 25, "illegal byte sequence", unix ILSEQ;
    Inprogress = 26, "the operation is in progress", unix INPROGRESS;
    Intr = 27, "the function was interrupted", unix INTR;
    Inval = 28, "invalid argument", unix INVAL;
    Io = 29, "input or output failed", unix IO;
    Isconn = 30, "the socket is connected", unix ISCONN;
    Isdir = 31, "is a directory", unix ISDIR;
    Loop = 32, "too many levels of symbolic links", unix LOOP;
    Mfile = 33, "too many open files", unix MFILE;
    Mlink = 34, "too many links", unix MLINK;
    Msgsize = 35, "the message is too large", unix MSGSIZE;
    Multihop = 36, "a multihop was attempted";
    Nametoolong = 37, "the name is too long", unix NAMETOOLONG;
    Netdown = 38, "the network is down", unix NETDOWN;
    Netreset = 39, "the network aborted the connection", unix NETRESET;
    Netunreach = 40, "the network is unreachable", unix NETUNREACH;
    Nfile = 41, "too many files are open in the system", unix NFILE;
    Nobufs = 42, "no buffer space is available", unix NOBUFS;
    Nodev = 43, "no such device", unix NODEV;
    Noent = 44, "no such file or directory", unix NOENT;
    Noexec = 45, "the file is not executable", unix NOEXEC;
    Nolck = 46, "no locks are available", unix NOLCK;
    Nolink = 47, "the link was severed";
    Nomem = 48, "not enough memory", unix NOMEM;
    Nomsg = 49, "there is no message of that type", unix NOMSG;
    Noprotoopt = 50, "the protocol is not available", unix NOPROTOOPT;
    Nospc = 51, "no space is left", unix NOSPC;
    Nosys = 52, "the function is not supported", unix NOSYS;
    Notconn = 53, "the socket is not connected", unix NOTCONN;
    Notdir = 54, "not a directory", unix NOTDIR;
    Notempty = 55, "the directory is not empty", unix NOTEMPTY;
    Notrecoverable = 56, "the state is not recoverable";
    Notsock = 57, "not a socket", unix NOTSOCK;
    Notsup = 58, "not supported", unix NOTSUP;
    Notty = 59, "inappropriate control operation", unix NOTTY;
    Nxio = 60, "no such device or address", unix NXIO;
    Overflow = 61, "the value is too large for its type", unix OVERFLOW;
    Ownerdead = 62, "the previous owner died";
    Perm = 63, "the operation is not permitted", unix PERM;
    Pipe = 64, "the pipe is broken", unix PIPE;
    Proto = 65, "protocol error", unix PROTO;
    Protonosupport = 66, "the protocol is not supported", unix PROTONOSUPPORT;
    Prototype = 67, "wrong protocol type for the socket", unix PROTOTYPE;
    Range = 68, "the result is too large", unix RANGE;
    Rofs = 69, "the file system is read-only", unix ROFS;
    Spipe = 70, "cannot seek here", unix SPIPE;
    Srch = 71, "no such process", unix SRCH;
    Stale = 72, "the file handle is stale", unix STALE;
    Timedout = 73, "the connection timed out", unix TIMEDOUT;
    Txtbsy = 74, "the text file is busy", unix TXTBSY;
    Xdev = 75, "the link would cross devices", unix XDEV;
    Notcapable = 76, "the capabilities do not suffice";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Errno {}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        from_host(&error).unwrap_or_else(|| from_kind(error.kind()))
    }
}

/// By the number that the host gave, which says more than the kind.
#[cfg(unix)]
fn from_host(error: &io::Error) -> Option<Errno> {
    let host = rustix::io::Errno::from_io_error(error)?;
    UNIX.iter().find(|(unix, _)| *unix == host).map(|&(_, errno)| errno)
}

#[cfg(not(unix))]
fn from_host(_: &io::Error) -> Option<Errno> {
    None
}

/// By the kind: for errors that the standard library or `cap-std` made, and for hosts other than Unix.
fn from_kind(kind: io::ErrorKind) -> Errno {
    use io::ErrorKind;
    match kind {
        ErrorKind::NotFound => Errno::Noent,
        // A path that leads out of its directory, above all.
        ErrorKind::PermissionDenied => Errno::Perm,
        ErrorKind::AlreadyExists => Errno::Exist,
        ErrorKind::InvalidInput => Errno::Inval,
        ErrorKind::InvalidData => Errno::Ilseq,
        ErrorKind::WouldBlock => Errno::Again,
        ErrorKind::TimedOut => Errno::Timedout,
        ErrorKind::Interrupted => Errno::Intr,
        ErrorKind::BrokenPipe => Errno::Pipe,
        ErrorKind::NotADirectory => Errno::Notdir,
        ErrorKind::IsADirectory => Errno::Isdir,
        ErrorKind::DirectoryNotEmpty => Errno::Notempty,
        ErrorKind::ReadOnlyFilesystem => Errno::Rofs,
        ErrorKind::StorageFull | ErrorKind::WriteZero => Errno::Nospc,
        ErrorKind::QuotaExceeded => Errno::Dquot,
        ErrorKind::NotSeekable => Errno::Spipe,
        ErrorKind::FileTooLarge => Errno::Fbig,
        ErrorKind::ResourceBusy => Errno::Busy,
        ErrorKind::ExecutableFileBusy => Errno::Txtbsy,
        ErrorKind::CrossesDevices => Errno::Xdev,
        ErrorKind::TooManyLinks => Errno::Mlink,
        ErrorKind::InvalidFilename => Errno::Nametoolong,
        ErrorKind::Unsupported => Errno::Notsup,
        ErrorKind::OutOfMemory => Errno::Nomem,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gap() {
        for (number, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(*errno as usize, number);
        }
        assert_eq!(Errno::ALL.len(), 77);
    }

    #[test]
    #[cfg(unix)]
    fn the_hosts_number_goes_before_the_kind() {
        // Both have the kind `PermissionDenied`.
        assert_eq!(Errno::from(io::Error::from(rustix::io::Errno::PERM)), Errno::Perm);
        assert_eq!(Errno::from(io::Error::from(rustix::io::Errno::ACCESS)), Errno::Acces);
        assert_eq!(Errno::from(io::Error::from(rustix::io::Errno::LOOP)), Errno::Loop);
    }

    #[test]
    fn kinds_have_errnos() {
        assert_eq!(Errno::from(io::Error::from(io::ErrorKind::PermissionDenied)), Errno::Perm);
        assert_eq!(Errno::from(io::Error::from(io::ErrorKind::NotADirectory)), Errno::Notdir);
        assert_eq!(Errno::from(io::Error::other("?")), Errno::Io);
    }
}

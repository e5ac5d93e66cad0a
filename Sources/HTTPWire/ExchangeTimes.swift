/// When an exchange had come how far, in nanoseconds of one clock; 0 for what did not happen.
///
/// On a connection that was kept nothing is looked up, connected or secured.
public struct ExchangeTimes: Sendable, Equatable {
    /// The addresses of the host were there.
    public var lookedUp: Int64 = 0
    /// The connection was there.
    public var connected: Int64 = 0
    /// The connection was secured.
    public var secured: Int64 = 0
    /// The whole request was on its way.
    public var sent: Int64 = 0
    /// The first byte of the response had come.
    public var answered: Int64 = 0
    /// The last byte of the response had come.
    public var received: Int64 = 0

    public init() {}
}

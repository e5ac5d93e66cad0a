import CPlatform
import Glibc

/// A system call that failed: the call's name and its errno.
public struct SystemError: Error, CustomStringConvertible, Equatable {
    public let call: StaticString
    public let code: CInt

    public init(_ call: StaticString, code: CInt = errno) {
        self.call = call
        self.code = code
    }

    public var description: String {
        "\(call): \(unsafe String(cString: strerror(code)))"
    }

    public static func == (left: SystemError, right: SystemError) -> Bool {
        left.code == right.code && left.call.description == right.call.description
    }
}

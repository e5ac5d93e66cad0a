import Glibc

/// Looks a name up; blocks.
public typealias Lookup = @Sendable (_ host: String) -> Result<[IPAddress], LookupFailure>

/// The system's resolver: hosts file, DNS and what else nsswitch.conf says.
enum SystemLookup {
    /// All addresses of a name, in the order of RFC 6724.
    static let addresses: Lookup = { host in
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            switch code {
            case EAI_NONAME, noData: return .failure(.unknownName)
            case EAI_AGAIN: return .failure(.temporary)
            default: return .failure(.failed)
            }
        }
        // getaddrinfo's list is valid until it is freed, and each address in it has the length that it says.
        defer { unsafe freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let named = unsafe getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            if named == 0 {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                let address = IPAddress(String(decoding: bytes, as: UTF8.self))
                if !addresses.contains(address) { addresses.append(address) }
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(.unknownName) : .success(addresses)
    }

    /// EAI_NODATA, which glibc has under _GNU_SOURCE alone: the name exists and has no address.
    private static let noData: CInt = -5
}

import Gather

extension Node {
    /// The value as `upstream:/path?query`: the upstream's index and the target. Each is nil, and reported, if it is
    /// wrong; the result is nil if neither can be read.
    /// - Parameter example: a correct spelling, with its key.
    func upstreamTarget(
        in scope: ReferenceScope, upstreams: [String], such example: String
    ) -> (upstream: Int?, target: TargetTemplate?)? {
        guard let text = text("a call such as \(example)") else {
            // What follows is read for a blank too, so that its outline is complete.
            return isBlank ? (0, .root) : nil
        }
        guard !text.hasPrefix("http://"), !text.hasPrefix("https://") else {
            return error(
                "a call names an upstream, not a host", remedy: "declare the host under upstreams, and write \(example)"
            )
        }
        guard let colon = text.firstIndex(of: ":"), Name.isValid(String(text[..<colon])) else {
            return error(
                "\(quoted(text)) does not begin with an upstream's name and ':'", remedy: "write it as in \(example)")
        }
        let name = String(text[..<colon])
        let upstream = upstreams.firstIndex(of: name)
        if upstream == nil {
            error(
                "there is no upstream '\(name)'",
                remedy: remedy(for: name, among: upstreams) ?? "declare it under upstreams", column: 1)
        }
        let target = String(text[text.index(after: colon)...])
        return (upstream, read(offset: name.count + 1, try TargetTemplate(target, in: scope)))
    }
}

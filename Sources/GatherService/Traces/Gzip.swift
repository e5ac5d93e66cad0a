import CZlib

/// Bytes in the gzip format (RFC 1952), by zlib.
enum Gzip {
    /// Nil if there is no memory for it. Takes time: for a thread outside the loops.
    static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = unsafe z_stream()
        // 16 beyond the 15 bits of the window ask for gzip's header and trailer (zlib.h).
        let begun = unsafe deflateInit2_(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            CInt(MemoryLayout<z_stream>.size))
        guard begun == Z_OK else { return nil }
        defer { unsafe deflateEnd(&stream) }
        let room = Int(unsafe deflateBound(&stream, UInt(bytes.count)))
        var bytes = bytes
        return unsafe bytes.withUnsafeMutableBufferPointer { input in
            unsafe [UInt8](unsafeUninitializedCapacity: room) { output, count in
                unsafe (stream.next_in, stream.avail_in) = (input.baseAddress, CUnsignedInt(input.count))
                unsafe (stream.next_out, stream.avail_out) = (output.baseAddress, CUnsignedInt(output.count))
                // There is room for all of it, so that one step is enough.
                let end = unsafe deflate(&stream, Z_FINISH)
                precondition(end == Z_STREAM_END, "what is compressed is longer than zlib's bound")
                count = Int(unsafe stream.total_out)
            }
        }
    }
}

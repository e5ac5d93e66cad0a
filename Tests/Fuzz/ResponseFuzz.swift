// What libFuzzer calls: any bytes as a response (`scripts/fuzz`).
//
// What must hold of any bytes: they are a response, one that is cut short, or an error; nothing stops the program; and
// neither how they are cut nor what follows them changes the verdict.

import HTTPTypes
import HTTPWire

/// Bytes from the end of an input say how the rest is read.
private let controlBytes = 4

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard count >= controlBytes, let data = unsafe data else { return 0 }
    let all = unsafe Array(UnsafeBufferPointer(start: data, count: count))
    let input = Array(all.dropLast(controlBytes))
    let control = all.suffix(controlBytes).map(Int.init)

    let isHEAD = control[0] & 1 == 1
    var limits = ResponseLimits()
    // Limits that short inputs pass.
    if control[0] & 2 == 2 { (limits.headBytes, limits.bodyBytes) = (control[1] + 32, control[2]) }
    if control[0] & 4 == 4 { limits.interimResponses = 1 }

    let whole = read(input, [], isHEAD, limits)
    let cuts = [control[1], control[2], control[3]].map { $0 * input.count / 255 }.sorted()
    check(read(input, cuts, isHEAD, limits) == whole, "cuts change the verdict")
    check(read(input, Array(0..<input.count), isHEAD, limits) == whole, "reading byte by byte changes the verdict")
    guard case .complete(let status, let fields, let body, let consumed, let isAtEnd) = whole else { return 0 }

    check(consumed + body.count <= 2 * input.count && body.count <= consumed, "content comes from nowhere")
    check((200...999).contains(status), "not a status")
    if !isAtEnd {
        check(read(Array(input[..<consumed]), [], isHEAD, limits) == whole, "what follows changes the verdict")
    }
    checkLines(fields)
    checkRequest(with: fields)
    return 0
}

private enum Read: Equatable {
    case complete(status: Int, fields: FieldSection, body: [UInt8], consumed: Int, isAtEnd: Bool)
    case cutShort
    case failed(MessageError)
}

private func read(_ input: [UInt8], _ cuts: [Int], _ isHEAD: Bool, _ limits: ResponseLimits) -> Read {
    var reader = ResponseReader(isHEAD: isHEAD, keeping: .always, limits: limits)
    var start = 0
    do throws(MessageError) {
        for end in cuts + [input.count] {
            let progress = try reader.read(input.span.extracting(start..<end))
            check(progress.consumed <= end - start, "more is consumed than there is")
            start += progress.consumed
            if progress.isComplete { break }
            check(start == end || reader.head == nil, "content is left over")
        }
    } catch {
        return .failed(error)
    }
    let isAtEnd = !reader.isComplete
    guard reader.isComplete || reader.inputEnded() else { return .cutShort }
    let response = reader.takeResponse()
    return .complete(
        status: response.status, fields: response.fields, body: response.body, consumed: start, isAtEnd: isAtEnd)
}

/// Every line of a section is a token and a value without controls, and can be added to another one.
private func checkLines(_ fields: FieldSection) {
    var copy = FieldSection()
    fields.forEachLine { name, value in
        check((try? copy.append(name, value)) != nil, "not a field line")
        // A value ends where it does, also when it is found by name.
        for index in value.indices { check(value[index] != 0x0A && value[index] != 0x0D, "a value holds a line end") }
    }
    check(Array(copy).elementsEqual(Array(fields)) { $0.name == $1.name && $0.value == $1.value }, "lines differ")
}

/// Fields of a response that are sent on do not frame the request that they are in.
private func checkRequest(with fields: FieldSection) {
    guard let serializer = try? RequestSerializer(authority: "a"),
        let request = try? ClientRequest(.post, target: "/", fields: fields, body: [0])
    else { fatalError("a request cannot be made") }
    var output: [UInt8] = []
    serializer.appendHead(of: request, to: &output)
    var limits = WireLimits()
    (limits.headBytes, limits.fieldCount) = (output.count, output.count)
    var parser = RequestHeadParser()
    do {
        guard case .complete(let head, output.count) = try parser.parse(output.span, limits: limits) else {
            fatalError("a request goes on")
        }
        check(head.framing == .length(1), "a request is framed by a response's fields")
    } catch RequestError.expectationFailed {
        // `Expect` is no field of framing, and a response's means nothing.
    } catch {
        fatalError("not a request: \(error)")
    }
}

private func check(_ holds: Bool, _ what: StaticString) {
    if !holds { fatalError("\(what)") }
}

import Foundation
import GatherConfig
import Testing

/// Mistakes of those who have used something else before.
@Suite struct MistakeTests {
    private func errors(inEndpoints endpoints: String) -> [String] {
        GatherConfigTests.errors(
            in: "version: 1\nupstreams: { shop: { hosts: [http://127.0.0.1:9100] } }\nendpoints:\n" + endpoints)
    }

    @Test func `a parameter of the path without path is told how to write it`() {
        #expect(
            errors(inEndpoints: #"  - { path: "/x/{id}", calls: { a: { get: "shop:/a/{id}" } } }"#) == [
                "x.yaml:4:53: endpoints[0].calls.a.get: 'id' is a parameter of the path; write {path.id}"
            ])
    }

    @Test func `a call that is no mapping is told how to write it`() {
        #expect(
            errors(inEndpoints: #"  - { path: /x, calls: { b: "shop:/b" } }"#) == [
                #"x.yaml:4:29: endpoints[0].calls.b: a call is a mapping; write b: { get: "shop:/b" }"#
            ])
        #expect(
            errors(inEndpoints: #"  - { path: /x, calls: { b: ~ } }"#) == [
                #"x.yaml:4:29: endpoints[0].calls.b: a call is a mapping; write b: { get: "shop:/path" }"#
            ])
    }

    @Test(arguments: ["", "demo: { endpoints: false }"])
    func `a file that serves nothing is an error`(demo: String) {
        #expect(
            GatherConfigTests.errors(in: "version: 1\nupstreams: {}\nendpoints: []\n\(demo)") == [
                "x.yaml:3:12: endpoints: nothing is served; add an endpoint, or demo: {} to try the service without one"
            ])
    }

    @Test(arguments: ["demo: {}", "demo: { endpoints: false, shop: {} }"])
    func `a file whose demonstration serves something is none`(demo: String) {
        #expect(GatherConfigTests.errors(in: "version: 1\nendpoints: []\n\(demo)") == [])
    }

    private func message(of file: String) -> String {
        do throws(ConfigurationErrors) {
            _ = try Configuration.read(file: file, environment: [:])
            return "none"
        } catch {
            return error.description
        }
    }

    @Test func `a file that cannot be read says why`() {
        let remedy = "; name a file that exists and that you may read"
        #expect(message(of: "/nowhere/x.yaml") == "/nowhere/x.yaml: cannot be read: there is no such file" + remedy)
        #expect(message(of: "/") == "/: cannot be read: it is a directory" + remedy)
        // Nobody may have it, whoever runs the test.
        let name = String(repeating: "x", count: 300)
        #expect(message(of: name) == "\(name): cannot be read: File name too long" + remedy)
    }
}

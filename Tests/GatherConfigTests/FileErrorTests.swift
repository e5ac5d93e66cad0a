import GatherConfig
import Testing

@Suite struct FileErrorTests {
    private func message(of file: String) -> String {
        do throws(ConfigurationErrors) {
            _ = try Configuration.read(file: file, environment: [:])
            return "none"
        } catch {
            return error.description
        }
    }

    @Test func `a file that cannot be read says why`() {
        let remedy = "; check the name and the permissions"
        #expect(message(of: "/nowhere/x.yaml") == "/nowhere/x.yaml: cannot be read: there is no such file" + remedy)
        #expect(message(of: "/") == "/: cannot be read: it is a directory" + remedy)
        // No user may have it, whoever runs the test.
        let name = String(repeating: "x", count: 300)
        #expect(message(of: name) == "\(name): cannot be read: File name too long" + remedy)
    }
}

import GatherConfig
import Testing

/// The errors of a configuration, as they are printed; empty if there are none.
func errors(in text: String, environment: [String: String] = [:]) -> [String] {
    do throws(ConfigurationErrors) {
        _ = try Configuration.read(text: text, file: "x.yaml", environment: environment)
        return []
    } catch {
        return error.diagnostics.map(\.description)
    }
}

@Suite struct ErrorTests {
    @Test(arguments: WrongConfiguration.all)
    func `an error says where it is, what is wrong and what to do`(wrong: WrongConfiguration) {
        #expect(errors(in: wrong.text) == wrong.errors)
    }
}

import HTTPTypes
import HTTPWire
import Instrumentation

/// Reads what an instrument looks for from the fields of a request; several lines of a name are one value.
struct FieldExtractor: Extractor {
    func extract(key: String, from head: RequestHead) -> String? { HTTPField.Name(key).flatMap { head[$0] } }
}

/// Writes what an instrument passes on into the fields of a request, in place of those that had its names.
struct FieldInjector: Injector {
    func inject(_ value: String, forKey key: String, into fields: inout FieldSection) {
        guard let name = HTTPField.Name(key) else { return }
        fields.remove(name)
        // What cannot stand in a field is left out: a request without a context is better than none.
        try? fields.append(name, value)
    }
}

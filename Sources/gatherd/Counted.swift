/// A number of things: `1 endpoint`, `2 endpoints`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

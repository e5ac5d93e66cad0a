extension Welcome {
    /// A page that needs nothing but itself. Links are relative, so that they work behind a forwarded port.
    static func html(_ endpoints: [Endpoint], origin: String) -> String {
        let items = endpoints.map { endpoint in
            let name = escaped("\(endpoint.method.rawValue) \(endpoint.path)")
            let title = endpoint.title.isEmpty ? "" : "<p>\(escaped(endpoint.title))</p>\n"
            let link = endpoint.method == .get ? "<a href=\"\(escaped(endpoint.examplePath))\">\(name)</a>" : name
            return "<li>\n<h2>\(link)</h2>\n\(title)<pre>\(escaped(command(endpoint, origin: origin)))</pre>\n</li>\n"
        }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>gatherd</title>
            <style>
            :root { color-scheme: light dark }
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
            ul { list-style: none; padding: 0 }
            li { margin: 2rem 0 }
            h2 { font: 600 1rem ui-monospace, monospace; margin: 0 }
            p { margin: .25rem 0 }
            pre { overflow-x: auto; margin: .5rem 0; padding: .5rem .75rem; background: #8882; border-radius: .25rem }
            </style>
            </head>
            <body>
            <h1>gatherd</h1>
            <p>\(escaped(introduction))</p>
            <ul>
            \(items.joined())</ul>
            <p>\(escaped(streams))</p>
            </body>
            </html>

            """
    }

    /// Text as HTML shows it, also inside a quoted attribute.
    static func escaped(_ text: String) -> String {
        var html = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": html += "&amp;"
            case "<": html += "&lt;"
            case ">": html += "&gt;"
            case "\"": html += "&quot;"
            case "'": html += "&#39;"
            default: html.unicodeScalars.append(character)
            }
        }
        return html
    }
}
